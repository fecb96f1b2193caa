"""Deploy, list and delete environments of a shared network, 16 at a time, and measure it."""

import resource
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.deploy import cloudformation
from iot_pipeline_cfn.deploy.connection import Connection, trace
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.inventory import Summary, environment_stacks
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent, deploy, destroy
from iot_pipeline_cfn.rehearsal.runner import isolated_emulator
from iot_pipeline_cfn.template.parameters import SLOTS

ROOT = Path(__file__).parents[1]
AT_ONCE = 16
CONSENT = Consent(yes=True)
RAISED = ("db-instances", "db-parameter-groups")
"""Quotas that an account with that many environments has raised."""


def created(connection: Connection, name: str) -> str:
    environment, request = load_request(name, None, ROOT / "parameters")
    stack = deploy(
        Operations(environment, connection), replace(request, ignored=RAISED), CONSENT
    ).stack
    return stack.parameters.get("NetworkSlot", "")


def deleted(connection: Connection, name: str) -> None:
    environment, _ = load_request(name, None, ROOT / "parameters")
    destroy(Operations(environment, connection), CONSENT)


def at_once(act: Callable[[Connection, str], object], connection: Connection, names: Iterable[str]):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: act(connection, name), names))


def memory(process: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def emulator_process() -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().decode(errors="replace")
        if "iot_pipeline_cfn.emulator" in words and "iot-pipeline-rehearsal-" in words:
            return int(path.parent.name)
    return 0


def main() -> None:
    """Run with the number of environments as the argument; the default fills the network."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else SLOTS
    names = [f"pr{number}" for number in range(1, total + 1)]
    calls = count()
    with isolated_emulator(DEFAULT_REGION) as (connection, _):
        trace(connection, lambda _: next(calls))
        begun = time.monotonic(), next(calls)
        created(connection, "shared-network")

        def lap(what: str, size: int) -> None:
            nonlocal begun
            now = time.monotonic(), next(calls)
            seconds, made = now[0] - begun[0], now[1] - begun[1] - 1
            each = f"{seconds / size:5.2f} s and {made / size:5.1f} calls each"
            print(f"{what:9} {seconds:7.1f} s, {each}")
            begun = now

        lap("network", 1)
        slots = at_once(created, connection, names)
        lap("deploy", total)
        assert len({*slots}) == total, "two environments have the same slot"
        found = {Summary.of(each).name for each in environment_stacks(connection)}
        lap("list", 1)
        assert {*names} <= found, sorted({*names} - found)
        try:
            deleted(connection, "shared-network")
        except DeploymentError as error:
            if error.code != "in-use":
                raise
        else:
            sys.exit("the network was deleted under its environments")
        lap("refused", 1)
        at_once(deleted, connection, names)
        lap("delete", total)
        deleted(connection, "shared-network")
        left = [each.name for each in cloudformation.all_stacks(connection.cloudformation)]
        assert left == [], left
        lap("network", 1)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        emulator = emulator_process()
        theirs = f", emulator {memory(emulator):.0f} MiB" if emulator else ""
        print(f"memory: deployer {own:.0f} MiB{theirs}")


if __name__ == "__main__":
    main()
