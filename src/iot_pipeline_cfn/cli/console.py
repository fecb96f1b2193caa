"""The console: what a user, or a script with --json, sees of a command.

The result of a command goes to stdout, everything else to stderr. On a terminal, progress is drawn
in place; without one, each event is a line.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from iot_pipeline_cfn.deploy.observer import Observer, Operation, Question
from iot_pipeline_cfn.template.findings import Finding

from . import deploy_wording as wording
from .signs_of_life import signs_of_life

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.cloudformation import Output
    from iot_pipeline_cfn.deploy.deletion import DeletionPlan
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import EnvironmentStatus, Summary
    from iot_pipeline_cfn.deploy.location import Location

VERSION: Final = 1
"""The version of the JSON documents; docs/json.md lists their schemas."""


def echo(text: str, *, err: bool = False) -> bool:
    """Write a line, and return whether it has a reader, without which an operation goes on.

    Raises:
        OSError: when the line cannot be written for another reason.

    """
    try:
        click.echo(text, err=err)
    except OSError as error:
        # At its end, Python would try once more to write what is buffered.
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
        return False
    return True


def json_document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON document, which the schema of its type defines, such as plan.schema.json."""
    return {"version": VERSION, "type": kind, **content}


@dataclass(frozen=True)
class Console(Observer):
    """The terminal or the streams of a command, which prints JSON documents if `as_json` is set."""

    as_json: bool = False
    location: dict[str, Any] = field(default_factory=dict)
    """What each JSON document says about the account and the Region, once they are known."""

    @property
    def interactive(self) -> bool:
        """Whether a user can be asked."""
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr) and not self.as_json

    def say(self, message: str) -> None:
        """Print a message to stderr."""
        echo(message, err=True)

    def document(self, kind: str, content: Mapping[str, Any]) -> None:
        """Print a JSON document in one line."""
        echo(json.dumps(json_document(kind, {**content, **self.location})))

    def show_location(self, location: "Location") -> None:
        """Show the account and the Region before anything is asked or done."""
        self.location["location"] = location.as_data()
        self.say(wording.location_line(location))

    def answer(self, question: str) -> str:
        """Return the user's answer in lower case.

        Raises:
            KeyboardInterrupt: when the user presses Ctrl-C.

        """
        try:
            answer = click.prompt(question, default="", show_default=False, err=True)
        except click.Abort:
            raise KeyboardInterrupt from None
        return str(answer).strip().lower()

    def confirm(self, question: Question, environment: str) -> bool:
        """Ask the user, if there is one; a deletion needs the environment's suffix."""
        if not self.interactive:
            return False
        if question is Question.DELETE:
            return self.answer(f"Type {environment} to delete it") == environment
        text = wording.QUESTIONS[question].format(environment)
        return self.answer(f"{text} [y/N]") in {"y", "yes"}

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False
    ) -> None:
        """Print a table without its empty columns; a row that begins with `!` stands out."""
        used = [number for number in range(len(headings)) if any(row[number] for row in rows)]
        table = [[row[number] for number in used] for row in (headings, *rows)]
        if not _is_terminal(sys.stderr if err else sys.stdout):
            _print_plain(table, err=err)
            return
        from rich.table import Table
        from rich.text import Text

        from .progress import rich_console

        drawn = Table(*table[0], box=None, pad_edge=False, header_style="bold")
        for row in table[1:]:
            style = "bold red" if row[0].startswith("!") else ""
            drawn.add_row(*(Text(cell, style, overflow="fold") for cell in row))
        rich_console(err=err).print(drawn)

    def show_plan(self, plan: "Plan") -> None:
        """Show a plan before its preflight checks run."""
        self.plan(plan, err=True)

    def plan(self, plan: "Plan", *, err: bool) -> None:
        """Show a plan; the changes that lose data stand out."""
        if self.as_json:
            self.document("plan", plan.as_data())
            return
        if plan.changes:
            rows = [wording.change_row(change) for change in plan.changes]
            self.table(wording.CHANGE_HEADINGS, rows, err=err)
        for line in wording.plan_lines(plan):
            self.say(line)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show the findings of the preflight checks before anything is executed."""
        self.findings(findings, err=True)

    def findings(self, findings: Sequence[Finding], *, err: bool) -> None:
        """Show the findings of the preflight checks."""
        if self.as_json:
            data = {"findings": [finding.as_data() for finding in findings]}
            self.document("findings", data)
            return
        from .preflight_wording import finding_lines

        for finding in findings:
            for line in finding_lines(finding):
                echo(line, err=err)

    def notify(self, finding: Finding) -> None:
        """Show a step of an operation."""
        self.say(wording.notice_line(finding))

    def outputs(self, outputs: "Sequence[Output]") -> None:
        """Print a stack's outputs."""
        if self.as_json:
            values = {output.name: output.value for output in outputs}
            self.document("outputs", {"outputs": values})
        else:
            rows = [(output.name, output.value, output.description) for output in outputs]
            _print_plain([("Output", "Value", "Description"), *sorted(rows)])

    def status(self, status: "EnvironmentStatus") -> None:
        """Print the state of an environment, a line for each fact."""
        if self.as_json:
            self.document("status", status.as_data())
            return
        for name, value in wording.status_facts(status).items():
            echo(f"{name}: {value}")

    def environments(
        self,
        environments: "Sequence[Summary]",
        prices: Sequence[float | None],
        unreadable: Sequence[str] = (),
    ) -> None:
        """Print a list of environments with their monthly prices, and the total."""
        if self.as_json:
            rows = [
                {**environment.as_data(), "monthly_price": price}
                for environment, price in zip(environments, prices, strict=True)
            ]
            total = round(sum(filter(None, prices)), 2)
            data = {"environments": rows, "monthly_price": total}
            self.document("environments", {**data, "unreadable_regions": list(unreadable)})
        elif environments:
            _print_plain(wording.environment_table(environments, prices, _columns()))
        else:
            self.say("there are no environments")

    def show_deletion(self, plan: "DeletionPlan") -> None:
        """Show what becomes of the resources of a stack before it is deleted."""
        if self.as_json:
            self.document("deletion", plan.as_data())
        elif plan.resources:
            rows = [wording.deletion_row(resource) for resource in plan.resources]
            self.table(wording.DELETION_HEADINGS, rows, err=True)

    def result(
        self,
        suffix: str,
        state: str | None,
        location: "Location",
        left: "Sequence[Event]" = (),
        late_log_groups: Sequence[str] = (),
    ) -> None:
        """Print the state of a stack at the end, and the resources that its deletion skipped."""
        if self.as_json:
            resources = [
                {
                    "logical_id": event.logical_id,
                    "resource_type": event.resource_type,
                    "physical_id": event.physical_id,
                    "reason": event.reason,
                }
                for event in left
            ]
            facts = {"environment": suffix, "state": state, "left": resources}
            self.document("result", {**facts, "late_log_groups": list(late_log_groups)})
        else:
            self.say(wording.result_line(suffix, state, left, location))

    def event(self, event: "Event") -> None:
        """Print an event."""
        if self.as_json:
            self.document("event", event.as_data())
        else:
            echo(wording.event_line(event))

    @contextmanager
    def watch(
        self, operation: Operation, subject: str, logical_ids: Collection[str]
    ) -> "Iterator[Callable[[Event], None]]":
        """Show an operation; the function that this yields gets each event."""
        title = wording.OPERATIONS[operation].format(subject)
        if self.interactive:
            from .progress import draw

            with draw(title, logical_ids) as see:
                yield see
        else:
            show = self.event if self.as_json else self._say_event
            with self.follow(title, show) as see:
                yield see

    @contextmanager
    def follow(
        self, title: str, show: "Callable[[Event], None]"
    ) -> "Iterator[Callable[[Event], None]]":
        """Show each event, and every minute what is in progress."""

        def say(seconds: float, logical_ids: list[str]) -> None:
            self.say(wording.in_progress_line(title, seconds, logical_ids))

        def see(event: "Event") -> None:
            note(event)
            show(event)

        with signs_of_life(say) as note:
            yield see

    def _say_event(self, event: "Event") -> None:
        self.say(wording.event_line(event))


def _columns() -> int:
    """Return the width of the terminal, or what a table fits in without one."""
    return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else 80


def _is_terminal(stream: TextIO | None) -> bool:
    # A process can be started without any of its streams.
    return stream is not None and stream.isatty()


def _print_plain(table: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print a table to copy from: not folded, and a line for each row."""
    lines = [[cell.replace("\n", ", ") for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        echo("  ".join(cells).rstrip(), err=err)
