"""The calls to AWS that each command makes: how many, and how many one after another.

A call to AWS takes a tenth of a second or more, so here each call to the local AWS emulator does. A
command fails if it makes more calls than its limit, if more of them follow one another, or if it
asks for something that it knows. Questions that are repeated until an operation ends count once.
`--verbose` prints the calls; `*` marks the longest sequence.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from botocore.client import BaseClient

from iot_pipeline_cfn import DEFAULT_REGION, cli
from iot_pipeline_cfn.emulator import control

ROOT = Path(__file__).parents[1]
SECONDS = 0.1
READS = ("Describe", "Get", "Head", "List", "Simulate")
REPEATED = {"DescribeChangeSet", "DescribeStackEvents"}

UPDATE = ("--parameter", "ThrottleRate=51")

COMMANDS = {
    # The arguments, the most calls, and the most calls one after another.
    "bootstrap": (("bootstrap", "--yes"), 14, 12),
    "deploy, network": (("deploy", "shared-network", "--yes"), 24, 13),
    "deploy, new": (("deploy", "pr1", "--yes"), 56, 21),
    "deploy, same": (("deploy", "pr1", "--yes"), 11, 8),
    "deploy, update": (("deploy", "pr1", "--yes", *UPDATE), 17, 11),
    "plan": (("plan", "pr1", "--parameter", "ThrottleRate=52"), 11, 7),
    "status": (("status", "pr1"), 7, 4),
    "list": (("list",), 4, 3),
    "destroy": (("destroy", "pr1", "--yes"), 15, 9),
}
"""The checks of a new environment run at once, so that not every run has the same sequence."""


@dataclass(frozen=True)
class Call:
    """A call, and when it was made and answered."""

    name: str
    arguments: str
    begin: float
    end: float

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.name.partition(".")[2].startswith(READS)


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Record the calls of all clients, and delay each of them."""
    calls: list[Call] = []
    last: dict[int, tuple[str, str]] = {}
    make = BaseClient._make_api_call  # noqa: SLF001 Every call of every client.

    def call(client: Any, operation: str, arguments: Any) -> Any:
        begin = time.perf_counter()
        time.sleep(SECONDS)
        try:
            return make(client, operation, arguments)
        finally:
            key = (f"{client.meta.service_model.service_name}.{operation}", str(arguments))
            thread = threading.get_ident()
            if operation not in REPEATED or last.get(thread) != key:
                calls.append(Call(*key, begin, time.perf_counter()))
            last[thread] = key

    with mock.patch.object(BaseClient, "_make_api_call", call):
        yield calls


def chain(calls: Sequence[Call]) -> list[Call]:
    """Return the longest sequence of calls that were made one after another."""
    found: list[Call] = []
    for call in sorted(calls, key=lambda each: each.end):
        if not found or call.begin >= found[-1].end:
            found.append(call)
    return found


def repetitions(calls: Sequence[Call]) -> list[Call]:
    """Return the questions that were asked before, although nothing had changed since."""
    asked: set[tuple[str, str]] = set()
    found = []
    for call in sorted(calls, key=lambda each: each.begin):
        if not call.is_read:
            asked.clear()
        elif (call.name, call.arguments) in asked:
            found.append(call)
        asked.add((call.name, call.arguments))
    return found


def run(arguments: Sequence[str]) -> None:
    """Run a command, which must succeed."""
    sys.argv = [cli.PROGRAM, *arguments, "--target", "local", "--region", DEFAULT_REGION]
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(arguments, end.code) from None


def measure(*, verbose: bool) -> list[str]:
    """Run the commands, print their calls, and return what exceeds a limit."""
    exceeded = []
    for name, (arguments, most, most_in_sequence) in COMMANDS.items():
        start = time.perf_counter()
        with (
            recorded() as calls,
            Path(os.devnull).open("w") as null,
            redirect_stdout(null),
            redirect_stderr(null),
        ):
            run(arguments)
        seconds = time.perf_counter() - start
        sequence, again = chain(calls), repetitions(calls)
        print(f"{name:16}{len(calls):3} calls,{len(sequence):3} one after another,{seconds:5.1f} s")
        for call in sorted(calls, key=lambda each: each.begin) if verbose else ():
            mark = "*" if call in sequence else " "
            print(f"{call.begin - start:8.2f} s {mark} {call.name} {call.arguments[:80]}")
        if again:
            exceeded.append(f"{name}: asks again: {', '.join(each.name for each in again)}")
        if len(calls) > most or len(sequence) > most_in_sequence:
            exceeded.append(f"{name}: at most {most} calls, {most_in_sequence} one after another")
    return exceeded


def main() -> None:
    """Run the commands against an emulator of their own."""
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        for name in ("templates", "parameters"):
            Path(name).symlink_to(ROOT / name)
        control.start(control.DIRECTORY, DEFAULT_REGION)
        try:
            exceeded = measure(verbose="--verbose" in sys.argv)
        finally:
            control.stop(control.DIRECTORY)
    if exceeded:
        sys.exit("\n".join(exceeded))


if __name__ == "__main__":
    main()
