"""The console: what a user, or a script with --json, sees of a command.

The result of a command goes to stdout, everything else to stderr. On a terminal, progress is drawn
in place; without one, each event is a line.
"""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from iot_pipeline_cfn.deploy.observer import Observer, Operation, Question
from iot_pipeline_cfn.template.findings import Finding

from . import deploy_wording as wording
from .printing import columns, echo, echo_sentence, is_terminal, print_table
from .signs_of_life import signs_of_life

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.cloudformation import Output
    from iot_pipeline_cfn.deploy.deletion import DeletionPlan
    from iot_pipeline_cfn.deploy.deployment import Plan
    from iot_pipeline_cfn.deploy.environment_status import EnvironmentStatus
    from iot_pipeline_cfn.deploy.events import Event
    from iot_pipeline_cfn.deploy.inventory import Summary
    from iot_pipeline_cfn.deploy.location import Location
    from iot_pipeline_cfn.deploy.operation_progress import OperationProgress
    from iot_pipeline_cfn.deploy.operations import Operations
    from iot_pipeline_cfn.deploy.service_layer import DeletionResult, DeploymentResult

VERSION: Final = 1
"""The version of the JSON documents; docs/json.md lists their schemas."""

WIDE: Final = 100
"""The columns of a terminal with room for the types of resources."""


def json_document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON document, which the schema of its type defines, such as plan.schema.json."""
    return {"version": VERSION, "type": kind, **content}


@dataclass(frozen=True)
class Console(Observer):
    """The terminal or the streams of a command, which prints JSON documents if `as_json` is set."""

    as_json: bool = False
    verbose: bool = False
    location: dict[str, Any] = field(default_factory=dict)
    """What each JSON document says about the account and the Region, once they are known."""

    @property
    def interactive(self) -> bool:
        """Whether a user can be asked."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr) and not self.as_json

    def say(self, message: str) -> None:
        """Print a message to stderr."""
        echo_sentence(message, err=True)

    def document(self, kind: str, content: Mapping[str, Any]) -> None:
        """Print a JSON document in one line."""
        echo(json.dumps(json_document(kind, {**content, **self.location})))

    def show_location(self, location: "Location") -> None:
        """Show the account and the Region before anything is asked or done."""
        if self.location.get("location") == location.as_data():
            return
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

    def show_plan(self, plan: "Plan") -> None:
        """Show a plan, if there is anything to do, before its preflight checks run."""
        if self.as_json or plan.settings or not plan.empty:
            self.plan(plan, err=True)

    def plan(self, plan: "Plan", *, err: bool) -> None:
        """Show a plan: a new environment by service, and of another one each change."""
        if self.as_json:
            self.document("plan", plan.as_data())
            return
        from . import plan_wording
        from .forecast import Forecast

        forecast = Forecast(plan)
        for line in plan_wording.parameter_lines(plan):
            echo_sentence(line, err=err)
        is_narrow = (columns(err=err) or WIDE) < WIDE
        table = plan_wording.plan_table(forecast, is_narrow=is_narrow, verbose=self.verbose)
        print_table(*table, err=err, numbers=plan_wording.SERVICE_HEADINGS[1:])
        for line in plan_wording.plan_lines(plan, forecast):
            echo_sentence(line, err=err)

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
                echo_sentence(line, err=err)

    def notify(self, finding: Finding) -> None:
        """Show a step of an operation."""
        self.say(wording.notice_line(finding))

    def outputs(self, outputs: "Sequence[Output]") -> None:
        """Print a stack's outputs: names and values, and with --verbose their descriptions."""
        if self.as_json:
            values = {output.name: output.value for output in outputs}
            self.document("outputs", {"outputs": values})
            return
        width = max((len(output.name) for output in outputs), default=0)
        for output in sorted(outputs, key=lambda output: output.name):
            echo(f"{output.name:<{width}}  {output.value}")
            if self.verbose and output.description:
                echo(f"{'':<{width}}  {output.description}")

    def deployed(self, operations: "Operations", result: "DeploymentResult") -> None:
        """Print what a deployment has led to, and what to do next."""
        if self.as_json:
            self.outputs(result.stack.outputs)
            return
        suffix = operations.environment.suffix
        for line in wording.arrival_lines(suffix, result, operations.command):
            echo(line)

    def status(self, status: "EnvironmentStatus") -> None:
        """Print the state of an environment, a line for each fact."""
        from .status_wording import status_facts

        if self.as_json:
            self.document("status", status.as_data())
            return
        print_table(("", ""), [*status_facts(status).items()])

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
            headings, *table = wording.environment_table(environments, prices, columns() or 80)
            print_table(headings, table, numbers=("Monthly",))
        else:
            self.say("there are no environments")

    def show_deletion(self, plan: "DeletionPlan") -> None:
        """Show what becomes of the resources of a stack before it is deleted."""
        if self.as_json:
            self.document("deletion", plan.as_data())
        elif plan.stack and plan.resources:
            from iot_pipeline_cfn.deploy.lifetime import OWNER_TAG

            rows = wording.deletion_rows(plan.resources, verbose=self.verbose)
            print_table(wording.DELETION_HEADINGS, rows, err=True)
            owner = plan.stack.tags.get(OWNER_TAG, "")
            self.say(wording.deletion_line(plan, plan.stack, owner))

    def deleted(self, operations: "Operations", result: "DeletionResult") -> None:
        """Print what a deletion has left."""
        suffix, is_absent = operations.environment.suffix, result.plan.stack is None
        if self.as_json:
            facts: dict[str, Any] = {
                "environment": suffix,
                "state": None if is_absent else "DELETE_COMPLETE",
                "left": [
                    {
                        "logical_id": event.logical_id,
                        "resource_type": event.resource_type,
                        "physical_id": event.physical_id,
                        "reason": event.reason,
                    }
                    for event in result.left
                ],
                "late_log_groups": list(result.late_log_groups),
                "snapshots": [snapshot.as_data() for snapshot in result.snapshots],
            }
            self.document("result", facts)
        elif is_absent:
            self.say(wording.absent_line(suffix, operations.location))
        else:
            for line in wording.deletion_lines(suffix, result):
                self.say(line)

    def state(self, suffix: str, state: str) -> None:
        """Print the state of a stack at the end of an operation."""
        if self.as_json:
            facts = {"environment": suffix, "state": state, "left": [], "late_log_groups": []}
            self.document("result", facts)
        else:
            self.say(f"{suffix} is in {state}")

    def event(self, event: "Event") -> None:
        """Print an event."""
        if self.as_json:
            self.document("event", event.as_data())
        else:
            echo_sentence(wording.event_line(event))

    @contextmanager
    def watch(
        self, operation: Operation, subject: str, logical_ids: Collection[str]
    ) -> "Iterator[Callable[[Event], None]]":
        """Show an operation; the function that this yields gets each event."""
        from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

        title = wording.OPERATIONS[operation].format(subject)
        progress = OperationProgress(logical_ids)
        if self.interactive:
            from .progress import draw

            with draw(title, progress, self._say_event if self.verbose else None) as see:
                yield see
            return

        def show(event: "Event", seconds: float | None) -> None:
            if self.as_json:
                self.event(event)
            elif self.verbose or event.failed or event.rolls_back:
                self._say_event(event)
            elif seconds is not None:
                self.say(wording.completion_line(event, seconds, progress))

        with self._group(title), self.follow(title, show, progress) as see:
            yield see

    @contextmanager
    def follow(
        self,
        title: str,
        show: "Callable[[Event, float | None], None]",
        progress: "OperationProgress | None" = None,
    ) -> "Iterator[Callable[[Event], None]]":
        """Show events with the seconds that a resource took, and every minute what goes on."""
        from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

        known = progress or OperationProgress()
        with signs_of_life(lambda t: self.say(wording.in_progress_line(title, t, known))):
            yield lambda event: show(event, known.see(event))

    @contextmanager
    def _group(self, title: str) -> Iterator[None]:
        """Fold the lines of an operation in the log of GitHub Actions, which reads stderr, too.

        https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
        https://github.com/actions/runner/blob/main/src/Runner.Worker/Handlers/ScriptHandler.cs
        """
        is_folded = os.environ.get("GITHUB_ACTIONS") == "true" and not self.as_json
        if is_folded:
            self.say(f"::group::{title}")
        try:
            yield
        finally:
            if is_folded:
                self.say("::endgroup::")

    def _say_event(self, event: "Event") -> None:
        self.say(wording.event_line(event))
