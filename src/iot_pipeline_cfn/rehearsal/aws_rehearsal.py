"""A rehearsal on AWS: recorded step by step, resumed by the same command, and always cleaned up.

A tag of the stack names the rehearsal that has created it. No other environment is ever deleted.
"""

import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Final

from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.template.findings import Finding, Severity, Value

from .rehearsal_target import RehearsalTarget
from .scenario import STEPS, Scenario
from .steps import INTERRUPTS, Step, run_step

REHEARSAL_TAG: Final = "iot-pipeline:rehearsal"
TIME_TO_LIVE: Final = "1d"
"""After which a sweep deletes an environment that no rehearsal could clean up."""
LOST_ACCESS: Final = frozenset(
    {"expired-credentials", "no-credentials", "unknown-credentials", "unreachable"}
)
"""The reasons of a failed step that say nothing about the environment."""


class Beginning(Enum):
    """How a rehearsal begins."""

    CREATE = auto()
    CONTINUE = auto()
    CLEAN_UP = auto()


@dataclass
class RehearsalRecord:
    """What a rehearsal has done so far, as its report keeps it."""

    id: str
    account: str
    region: str
    environment: str
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> list[Step]:
        """The steps before the first failure."""
        return [step for step in self.steps if not step.failure]

    @property
    def can_continue(self) -> bool:
        """Whether nothing has failed but the access to AWS."""
        failures = [step.failure.details for step in self.steps if step.failure]
        return all(details.get("reason") in LOST_ACCESS for details in failures)

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "id": self.id,
            "account": self.account,
            "region": self.region,
            "environment": self.environment,
            "steps": [step.as_data() for step in self.steps],
        }


def read_record(data: Mapping[str, Any]) -> RehearsalRecord:
    """Return the record in a report."""
    return RehearsalRecord(
        data["id"],
        data["account"],
        data["region"],
        data["environment"],
        [_step(step) for step in data["steps"]],
    )


def _step(data: Mapping[str, Any]) -> Step:
    failure, skipped = (data[name] and _finding(data[name]) for name in ("failure", "skipped"))
    return Step(data["name"], [*map(_finding, data["checks"])], data["seconds"], failure, skipped)


def _finding(data: Mapping[str, Any]) -> Finding:
    return Finding(data["code"], Severity(data["severity"]), details=data["details"])


def require_own_record(record: RehearsalRecord, account: str, region: str) -> None:
    """Require that a report that is going to be replaced is not needed elsewhere.

    Raises:
        DeploymentError: when its environment may still exist in another account or Region.

    """
    is_over = any(step.name == "destroy" and not step.failure for step in record.steps)
    if not is_over and (record.account, record.region) != (account, region):
        message = (
            f"the report is of an unfinished rehearsal in {record.account}, {record.region}: end "
            "that first, or name another report with --report"
        )
        raise DeploymentError(message, code="unfinished-elsewhere", account=record.account)


def decide_beginning(stack: Stack | None, record: RehearsalRecord | None) -> Beginning:
    """Return how a rehearsal begins, by the stack and the record of an earlier one.

    Raises:
        DeploymentError: when the stack is not of a rehearsal.

    """
    if stack is None:
        return Beginning.CREATE
    if REHEARSAL_TAG not in stack.tags:
        message = f"{stack.name} was not created by a rehearsal: name another environment"
        raise DeploymentError(message, code="not-of-a-rehearsal", stack=stack.name)
    is_whole = not stack.status.startswith(("DELETE_", "ROLLBACK_"))
    is_known = record is not None and record.id == stack.tags[REHEARSAL_TAG]
    continues = record is not None and is_known and is_whole and record.can_continue
    return Beginning.CONTINUE if continues else Beginning.CLEAN_UP


def tagged(request: DeploymentRequest, rehearsal_id: str) -> DeploymentRequest:
    """Return the request of an ephemeral environment with the tag of a rehearsal."""
    file = replace(request.file, tags={**request.file.tags, REHEARSAL_TAG: rehearsal_id})
    given = {"Durability": "ephemeral", "DeletionProtection": "disabled"}
    return replace(request, file=file, parameters=given, time_to_live=TIME_TO_LIVE)


def rehearse_on_aws(
    operations: Operations,
    request: DeploymentRequest,
    target: RehearsalTarget,
    record: RehearsalRecord,
    *,
    beginning: Beginning,
    save: Callable[[], None],
) -> Generator[Step]:
    """Run the scenario, save the record after each step, and delete the environment in the end.

    Args:
        operations: The environment and the connection to AWS.
        request: The request with the tag of the rehearsal.
        target: AWS, with the image.
        record: The record, with the steps that have passed already.
        beginning: What to do with an environment that exists.
        save: Saves the record.

    Raises:
        DeploymentError: when the environment could not be deleted.

    """
    scenario = Scenario(operations, request, target)
    record.steps = record.passed
    try:
        if beginning is not Beginning.CLEAN_UP:
            done = {step.name for step in record.steps}
            if beginning is Beginning.CONTINUE:
                scenario.read_outputs(operations.require_stack())
            for name in (name for name in STEPS if name not in done | {"destroy"}):
                step = run_step(name, STEPS[name], scenario)
                record.steps.append(step)
                save()
                yield step
                if step.failure:
                    break
    finally:
        with without_interrupts():
            step = clean_up(scenario)
            record.steps.append(step)
            save()
    yield step


def clean_up(scenario: Scenario) -> Step:
    """Delete the environment if a rehearsal has created it, and look for what is left."""

    def act(scenario: Scenario) -> Iterator[Finding]:
        stack = scenario.operations.find_stack()
        # A stack that was only planned has no tags yet; its change set has removed it.
        if stack is None:
            return
        if decide_beginning(stack, None) is Beginning.CLEAN_UP:
            yield from STEPS["destroy"](scenario)

    return run_step("destroy", act, scenario)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM: an interrupted deletion would leave the environment behind."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
