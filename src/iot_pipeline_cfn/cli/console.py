"""What a person sees of a verb, or a script: tables, progress, questions, JSON.

What a verb is asked for goes to stdout, all else to stderr. On a terminal progress is drawn in
place; where there is none, each event is a line.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from .output import echo

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.table import Table

    from iot_pipeline_cfn.deploy.cloudformation import Output, ValidationFinding
    from iot_pipeline_cfn.deploy.deployment import Proposal
    from iot_pipeline_cfn.deploy.destruction import Fate
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import Summary
    from iot_pipeline_cfn.deploy.preflight.checking import Finding
    from iot_pipeline_cfn.template.changes import PropertyChange, ResourceChange

ROWS: Final = 8
"""So many of the resources that are in progress are shown."""


@dataclass(frozen=True)
class Console:
    """The terminal, or whatever stands in its place; `as_json` is for scripts."""

    as_json: bool = False

    @property
    def interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr) and not self.as_json

    def say(self, message: str) -> None:
        """Tell a person something."""
        echo(message, err=True)

    def data(self, data: object) -> None:
        """Print data as JSON, in one line."""
        echo(json.dumps(data))

    def ask(self, question: str) -> bool:
        """Return whether a person agrees; nobody does where there is nobody."""
        return self.interactive and self.answer(f"{question} [y/N]") in {"y", "yes"}

    def answer(self, question: str) -> str:
        """Return what a person types, in lower case.

        Raises:
            KeyboardInterrupt: when the person has had enough.

        """
        try:
            answer = click.prompt(question, default="", show_default=False, err=True)
        except click.Abort:
            raise KeyboardInterrupt from None
        return str(answer).strip().lower()

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False
    ) -> None:
        """Print a table without its empty columns; a row that begins with `!` stands out."""
        full = [number for number in range(len(headings)) if any(row[number] for row in rows)]
        table = [[row[number] for number in full] for row in (headings, *rows)]
        if not _is_terminal(sys.stderr if err else sys.stdout):
            _print_plain(table, err=err)
            return
        from rich.table import Table
        from rich.text import Text

        drawn = Table(*table[0], box=None, pad_edge=False, header_style="bold")
        for row in table[1:]:
            style = "bold red" if row[0].startswith("!") else ""
            drawn.add_row(*(Text(cell, style, overflow="fold") for cell in row))
        _rich(err=err).print(drawn)

    def proposal(self, proposal: "Proposal", *, err: bool) -> None:
        """Show what a change set does; what can cost data stands out."""
        for setting in proposal.settings:
            self.say(f"{proposal.stack.name}: {setting}")
        if self.as_json:
            self.data(proposal.as_data())
            return
        if proposal.empty and not proposal.settings:
            self.say(f"{proposal.stack.name}: nothing to change")
        if proposal.empty:
            return
        if not proposal.changes:
            self.say(f"{proposal.stack.name}: no resource changes, but outputs or metadata do")
            return
        self.table(
            ("Action", "Logical id", "Type", "Replacement", "Because of"),
            [_change_row(change) for change in proposal.changes],
            err=err,
        )
        from iot_pipeline_cfn.deploy.changes import loses_data
        from iot_pipeline_cfn.deploy.guards import describe_loss

        counts = Counter(change.action for change in proposal.changes)
        summary = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
        self.say(f"{proposal.stack.name}: {summary}")
        for change in proposal.changes:
            if loses_data(change):
                self.say(f"! {change.logical_id} {describe_loss(change)}")

    def findings(
        self, warnings: "Sequence[ValidationFinding]", findings: "Sequence[Finding]", *, err: bool
    ) -> None:
        """Show what CloudFormation warns of, although it would go ahead, and what checks find."""
        if self.as_json:
            told = [finding.as_data() for finding in findings]
            self.data({"warnings": [vars(warning) for warning in warnings], "findings": told})
            return
        for warning in warnings:
            echo(f"warning: {warning}", err=err)
        for finding in findings:
            echo(str(finding), err=err)

    def outputs(self, outputs: "Sequence[Output]") -> None:
        """Print a stack's outputs."""
        if self.as_json:
            self.data({output.name: output.value for output in outputs})
        else:
            rows = [(output.name, output.value, output.description) for output in outputs]
            _print_plain([("Output", "Value", "Description"), *sorted(rows)])

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print what is known of one thing, a line for each."""
        if self.as_json:
            self.data(facts)
            return
        for name, value in facts.items():
            lines = value if isinstance(value, list) else [value]
            echo(f"{name}: {'; '.join(map(_word, lines)) or 'none'}")

    def environments(self, environments: "Sequence[Summary]") -> None:
        """Print a list of environments."""
        if self.as_json:
            self.data([environment.as_data() for environment in environments])
        elif environments:
            headings = ("Environment", "Stack", "State", "Age", "Owner", "Image", "Protected")
            _print_plain([headings, *map(_environment_row, environments)])
        else:
            self.say("there are no environments")

    def fates(self, fates: "Sequence[Fate]") -> None:
        """Show what becomes of the resources of a stack that is to be deleted."""
        rows = [(fate.logical_id, fate.resource_type, fate.what) for fate in fates]
        if rows:
            self.table(("Logical id", "Type", "What becomes of it"), rows, err=True)

    def event(self, event: "Event") -> None:
        """Print an event."""
        if self.as_json:
            self.data(event.as_data())
        else:
            echo(_line(event))

    @contextmanager
    def watching(
        self, what: str, logical_ids: Collection[str]
    ) -> "Iterator[Callable[[Event], None]]":
        """Show an operation on resources, as far as they are known, by what is told of it."""
        if self.as_json:
            yield lambda event: self.data({"event": event.as_data()})
        elif self.interactive:
            with _live(what, logical_ids) as see:
                yield see
        else:
            yield lambda event: self.say(_line(event))


def _is_terminal(stream: TextIO | None) -> bool:
    # A process can be started without any of its streams.
    return stream is not None and stream.isatty()


def _print_plain(table: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print a table to copy from: as wide as it is, a line for each row."""
    lines = [[cell.replace("\n", ", ") for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        echo("  ".join(cells).rstrip(), err=err)


def _rich(*, err: bool) -> "RichConsole":
    from rich.console import Console as RichConsole

    return RichConsole(stderr=err, highlight=False, emoji=False, markup=False)


def _change_row(change: "ResourceChange") -> tuple[str, ...]:
    from iot_pipeline_cfn.deploy.changes import loses_data
    from iot_pipeline_cfn.template.changes import Replacement

    replacements = {Replacement.YES: "yes", Replacement.MAYBE: "perhaps", Replacement.NO: ""}
    return (
        f"! {change.action}" if loses_data(change) else change.action,
        change.logical_id,
        change.resource_type,
        replacements[change.replacement],
        "\n".join(map(_property, change.properties)),
    )


def _property(part: "PropertyChange") -> str:
    if part.before is None and part.after is None:
        return f"{part.path} ({part.because_of})" if part.because_of else part.path
    return f"{part.path}: {part.before or '-'} -> {part.after or '-'}"


def _environment_row(summary: "Summary") -> tuple[str, ...]:
    return (
        summary.name,
        summary.stack,
        summary.state,
        age(summary.created),
        summary.owner,
        summary.image or "none",
        _word(summary.protected),
    )


def age(since: datetime) -> str:
    """Return the time since a moment, in the largest unit that fits."""
    seconds = (datetime.now(UTC) - since).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _word(value: object) -> str:
    words = {"True": "yes", "False": "no", "": "none"}
    return words.get(str(value), str(value))


def _line(event: "Event") -> str:
    reason = f"  {event.reason}" if event.reason else ""
    return (
        f"{event.time:%H:%M:%S}Z  {event.status:<20}  {event.logical_id} "
        f"({event.resource_type}){reason}"
    )


@contextmanager
def _live(what: str, logical_ids: Collection[str]) -> "Iterator[Callable[[Event], None]]":
    """Draw the resources that are in progress, failures, and a bar of those that are done."""
    from rich.console import Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )
    task = bar.add_task(what, total=len(logical_ids) or None)
    busy: dict[str, Event] = {}
    done: set[str] = set()

    with Live(bar, console=_rich(err=True), refresh_per_second=8) as live:

        def see(event: "Event") -> None:
            if event.failed:
                live.console.print(Text(_line(event), "red"))
            if event.of_stack:
                return
            busy.pop(event.logical_id, None)
            if event.status.endswith("_IN_PROGRESS"):
                busy[event.logical_id] = event
            else:
                done.add(event.logical_id)
            bar.update(task, completed=len(done.intersection(logical_ids) if logical_ids else done))
            live.update(Group(_in_progress(busy), bar))

        yield see


def _in_progress(busy: "Mapping[str, Event]") -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for event in list(busy.values())[-ROWS:]:
        table.add_row(event.logical_id, event.resource_type, event.status, style="dim")
    return table
