"""What a person sees of a verb, or a script: tables, progress, questions, JSON.

What a verb is asked for goes to stdout, all else to stderr. On a terminal progress is drawn in
place; where there is none, each event is a line.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from .changes import Change
from .cloudformation import Output
from .deployment import Proposal
from .destruction import Fate
from .events import Event
from .inventory import Summary, age

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.table import Table

PLAIN_WIDTH: Final = 1000
"""Columns where there is no terminal whose width could be asked for."""

ROWS: Final = 8
"""So many of the resources that are in progress are shown."""


@dataclass(frozen=True)
class Console:
    """The terminal, or whatever stands in its place; `as_json` is for scripts."""

    as_json: bool = False

    @property
    def interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def say(self, message: str) -> None:
        """Tell a person something."""
        click.echo(message, err=True)

    def data(self, data: object) -> None:
        """Print data as JSON, in one line."""
        click.echo(json.dumps(data))

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

    def _table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False
    ) -> None:
        """Print a table without its empty columns; a row that begins with `!` stands out."""
        from rich.table import Table
        from rich.text import Text

        columns = [number for number in range(len(headings)) if any(row[number] for row in rows)]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number in columns:
            table.add_column(headings[number], overflow="fold")
        for row in rows:
            style = "bold red" if row[0].startswith("!") else ""
            table.add_row(*(Text(row[number], style) for number in columns))
        console = _rich(err=err)
        if console.is_terminal:
            console.print(table)
            return
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            click.echo(line.rstrip(), err=err)

    def proposal(self, proposal: Proposal, *, err: bool) -> None:
        """Show what a change set does; what can cost data stands out."""
        if self.as_json:
            self.data(proposal.as_data())
            return
        for warning in proposal.warnings:
            self.say(f"warning: {warning}")
        if not proposal.changes:
            self.say(f"{proposal.stack.name}: nothing to change")
            return
        self._table(
            ("Action", "Logical id", "Type", "Replacement", "Because of"),
            [_change_row(change) for change in proposal.changes],
            err=err,
        )
        counts = Counter(change.action for change in proposal.changes)
        summary = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
        self.say(f"{proposal.stack.name}: {summary}")
        for change in proposal.changes:
            if change.loses_data:
                self.say(f"! {change.logical_id} {_loss(change)}")

    def outputs(self, outputs: Sequence[Output]) -> None:
        """Print a stack's outputs."""
        if self.as_json:
            self.data({output.name: output.value for output in outputs})
        else:
            rows = [(output.name, output.value, output.description) for output in outputs]
            self._table(("Output", "Value", "Description"), sorted(rows))

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print what is known of one thing, a line for each."""
        if self.as_json:
            self.data(facts)
        for name, value in facts.items() if not self.as_json else ():
            lines = value if isinstance(value, list) else [value]
            click.echo(f"{name}: {'; '.join(map(_word, lines)) or 'none'}")

    def environments(self, environments: Sequence[Summary]) -> None:
        """Print a list of environments."""
        if self.as_json:
            self.data([environment.as_data() for environment in environments])
        elif environments:
            headings = ("Environment", "Stack", "State", "Age", "Owner", "Image", "Protected")
            self._table(headings, [_environment_row(one) for one in environments])
        else:
            self.say("there are no environments")

    def fates(self, fates: Sequence[Fate]) -> None:
        """Show what becomes of the resources of a stack that is to be deleted."""
        rows = [(fate.logical_id, fate.resource_type, fate.what) for fate in fates]
        if rows:
            self._table(("Logical id", "Type", "What becomes of it"), rows, err=True)

    def event(self, event: Event) -> None:
        """Print an event."""
        if self.as_json:
            self.data(event.as_data())
        else:
            click.echo(_line(event))

    @contextmanager
    def watching(self, what: str, total: int | None) -> Iterator[Callable[[Event], None]]:
        """Show an operation, of `total` resources where that is known, by what is told of it."""
        if self.as_json:
            yield lambda event: self.data({"event": event.as_data()})
        elif self.interactive:
            with _live(what, total) as see:
                yield see
        else:
            yield lambda event: self.say(_line(event))


def _rich(*, err: bool) -> "RichConsole":
    from rich.console import Console as RichConsole

    console = RichConsole(stderr=err, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def _change_row(change: Change) -> tuple[str, ...]:
    replacements = {"True": "yes", "Conditional": "perhaps", "False": ""}
    return (
        f"! {change.action}" if change.loses_data else change.action,
        change.logical_id,
        change.resource_type,
        replacements.get(change.replacement, change.replacement),
        "\n".join(map(str, change.properties)),
    )


def _loss(change: Change) -> str:
    """Return what becomes of the data in a resource that is replaced or removed, and why."""
    what = {"Remove": "is removed"}.get(change.action, "is replaced")
    what = "may be replaced" if change.replacement == "Conditional" else what
    kept = {"Retain": "is kept outside the stack", "Snapshot": "is kept in a snapshot"}
    data = kept.get(change.policy_action.removeprefix("ReplaceAnd"), "is lost")
    causes = ", ".join(part.name for part in change.properties)
    return f"{what}, and what it holds {data}" + (f"; because of {causes}" if causes else "")


def _environment_row(summary: Summary) -> tuple[str, ...]:
    return (
        summary.name,
        summary.stack,
        summary.state,
        age(summary.created),
        summary.owner,
        summary.image or "none",
        _word(summary.protected),
    )


def _word(value: object) -> str:
    words = {"True": "yes", "False": "no", "": "none"}
    return words.get(str(value), str(value))


def _line(event: Event) -> str:
    reason = f"  {event.reason}" if event.reason else ""
    return (
        f"{event.time:%H:%M:%S}Z  {event.status:<20}  {event.logical_id} "
        f"({event.resource_type}){reason}"
    )


@contextmanager
def _live(what: str, total: int | None) -> Iterator[Callable[[Event], None]]:
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
    task = bar.add_task(what, total=total)
    busy: dict[str, Event] = {}
    done: set[str] = set()

    with Live(bar, console=_rich(err=True), refresh_per_second=8) as live:

        def see(event: Event) -> None:
            if event.failed:
                live.console.print(Text(_line(event), "red"))
            if event.of_stack:
                return
            busy.pop(event.logical_id, None)
            if event.status.endswith("_IN_PROGRESS"):
                busy[event.logical_id] = event
            else:
                done.add(event.logical_id)
            bar.update(task, completed=len(done))
            live.update(Group(_in_progress(busy), bar))

        yield see


def _in_progress(busy: Mapping[str, Event]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for event in list(busy.values())[-ROWS:]:
        table.add_row(event.logical_id, event.resource_type, event.status, style="dim")
    return table
