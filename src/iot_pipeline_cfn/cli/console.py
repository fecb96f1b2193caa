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
from typing import TYPE_CHECKING, Final, TextIO

import click

from iot_pipeline_cfn.deploy.observer import Observer, Operation, Question
from iot_pipeline_cfn.template.findings import Finding

from .output import echo

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.table import Table

    from iot_pipeline_cfn.deploy.cloudformation import Output
    from iot_pipeline_cfn.deploy.deletion import DeletionPlan
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import EnvironmentStatus, Summary
    from iot_pipeline_cfn.template.changes import PropertyChange, ResourceChange

ROWS: Final = 8
"""So many of the resources that are in progress are shown."""


TITLES: Final = {
    Operation.CREATE: "creating {}",
    Operation.UPDATE: "updating {}",
    Operation.DELETE: "deleting {}",
    Operation.REMOVE_FAILED_CREATION: "removing {}",
    Operation.ROLL_BACK: "rolling back {}",
    Operation.CANCEL_UPDATE: "cancelling the update of {}",
    Operation.OTHER: "waiting for {}",
}
QUESTIONS: Final = {
    Question.DEPLOY: "Deploy {}?",
    Question.CANCEL_UPDATE: "Interrupted: cancel the update?",
    Question.DELETE_CREATION: "Interrupted: delete the new stack?",
}
NOTICES: Final = {
    "waiting": "{subject} is in {status}: waiting for that to end",
    "removing-failed-creation": "{subject} holds nothing since its creation failed: removing it",
    "rolling-back": "{subject} is in {status} ({reason}): rolling it back",
    "deleting-again": "{subject} is in {status}: trying again",
    "not-cancelled": "{reason}",
    "validation-unreadable": "note: cannot read the early validation: {reason}",
    "change-set-not-removed": "the change set could not be removed, which does no harm: {reason}",
}
SETTINGS: Final = {
    "stack-policy": "the stack policy changes to that of the parameter file",
    "termination-protection-on": "termination protection is switched on",
    "termination-protection-off": "termination protection is switched off",
}
OUTCOMES: Final = {
    "deleted": "deleted",
    "kept": "kept",
    "snapshot": "deleted; a final snapshot is kept",
    "unknown": "deleted or kept: the deletion policy cannot be read",
}


@dataclass(frozen=True)
class Console(Observer):
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

    def show_plan(self, plan: "Plan") -> None:
        """Show a plan before its preflight checks run."""
        self.plan(plan, err=True)

    def plan(self, plan: "Plan", *, err: bool) -> None:
        """Show a plan; what can cost data stands out."""
        from iot_pipeline_cfn.deploy.changes import loses_data

        name = plan.stack.name
        for setting in plan.settings:
            self.say(f"{name}: {SETTINGS[setting]}")
        if self.as_json:
            self.data(plan.as_data())
            return
        if plan.empty and not plan.settings:
            self.say(f"{name}: nothing to change")
        if plan.empty:
            return
        if not plan.changes:
            self.say(f"{name}: no resource changes, but outputs or metadata do")
            return
        self.table(
            ("Action", "Logical id", "Type", "Replacement", "Because of"),
            [_change_row(change) for change in plan.changes],
            err=err,
        )
        counts = Counter(change.action for change in plan.changes)
        summary = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
        self.say(f"{name}: {summary}")
        for change in plan.changes:
            if loses_data(change):
                self.say(f"! {change.logical_id} {_loss(change)}")

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show the findings of the preflight checks before anything is executed."""
        self.findings(findings, err=True)

    def findings(self, findings: Sequence[Finding], *, err: bool) -> None:
        """Show the findings of the preflight checks."""
        if self.as_json:
            self.data({"findings": [finding.as_data() for finding in findings]})
            return
        for finding in findings:
            message = finding.details.get("message") or "{path}: {reason} ({name})".format(
                **finding.details
            )
            echo(f"{finding.severity} {finding.code}: {message}", err=err)

    def notify(self, finding: Finding) -> None:
        """Show a step of an operation."""
        self.say(NOTICES[finding.code].format(subject=finding.subject, **finding.details))

    def confirm(self, question: Question, environment: str) -> bool:
        """Ask the user, if there is one; a deletion needs the environment's suffix."""
        if not self.interactive:
            return False
        if question is Question.DELETE:
            return self.answer(f"Type {environment} to delete it") == environment
        return self.answer(f"{QUESTIONS[question].format(environment)} [y/N]") in {"y", "yes"}

    def outputs(self, outputs: "Sequence[Output]") -> None:
        """Print a stack's outputs."""
        if self.as_json:
            self.data({output.name: output.value for output in outputs})
        else:
            rows = [(output.name, output.value, output.description) for output in outputs]
            _print_plain([("Output", "Value", "Description"), *sorted(rows)])

    def status(self, status: "EnvironmentStatus") -> None:
        """Print the state of an environment, a line for each fact."""
        data = status.as_data()
        if self.as_json:
            self.data(data)
            return
        drift = [
            f"{each.logical_id} ({each.resource_type}): {each.path} {each.difference}"
            for each in status.drift or ()
        ]
        facts = data | {"age": age(status.summary.created)}
        if "drift" in facts:
            facts["drift"] = "; ".join(drift)
        for name, value in facts.items():
            echo(f"{name.replace('_', ' ')}: {_word(value)}")

    def environments(self, environments: "Sequence[Summary]") -> None:
        """Print a list of environments."""
        if self.as_json:
            self.data([environment.as_data() for environment in environments])
        elif environments:
            headings = ("Environment", "Stack", "State", "Age", "Owner", "Image", "Protected")
            _print_plain([headings, *map(_environment_row, environments)])
        else:
            self.say("there are no environments")

    def show_deletion(self, plan: "DeletionPlan") -> None:
        """Show what becomes of the resources of a stack before it is deleted."""
        rows = [
            (resource.logical_id, resource.resource_type, OUTCOMES[resource.outcome])
            for resource in plan.resources
        ]
        if rows:
            self.table(("Logical id", "Type", "What becomes of it"), rows, err=True)

    def event(self, event: "Event") -> None:
        """Print an event."""
        if self.as_json:
            self.data(event.as_data())
        else:
            echo(_line(event))

    @contextmanager
    def watch(
        self, operation: Operation, subject: str, logical_ids: Collection[str]
    ) -> "Iterator[Callable[[Event], None]]":
        """Show an operation; the function that this yields gets each event."""
        if self.as_json:
            yield lambda event: self.data({"event": event.as_data()})
        elif self.interactive:
            with _live(TITLES[operation].format(subject), logical_ids) as see:
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


def _loss(change: "ResourceChange") -> str:
    from iot_pipeline_cfn.template.changes import Action, Replacement
    from iot_pipeline_cfn.template.stateful import DataOutcome, data_outcome

    outcomes = {
        DataOutcome.LOST: "is lost",
        DataOutcome.RETAINED: "is retained outside the stack",
        DataOutcome.SNAPSHOT: "is kept in a snapshot",
    }
    what = "is removed" if change.action is Action.REMOVE else "is replaced"
    what = "may be replaced" if change.replacement is Replacement.MAYBE else what
    data = outcomes[data_outcome(change.policy_action.removeprefix("ReplaceAnd"))]
    causes = ", ".join(part.path for part in change.replacing_properties)
    return f"{what}, and what it holds {data}" + (f"; because of {causes}" if causes else "")


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
