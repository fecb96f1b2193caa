"""The state of one environment: its stack and the last operation, its tasks, alarms and drift."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.resolution import Resolver

from . import cloudformation, events
from .cloudformation import Stack
from .concurrency import both
from .drift import Drift, detect_drift
from .errors import explained
from .events import Event
from .inventory import Summary
from .operation_progress import OperationProgress
from .operations import Operations

ALARM: Final = "AWS::CloudWatch::Alarm"
ALARMS_A_CALL: Final = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


@dataclass(frozen=True)
class Tasks:
    """The tasks of the service."""

    running: int
    desired: int


@dataclass(frozen=True)
class EnvironmentStatus:
    """The state of an environment; None stands for what it does not have, or cannot be read.

    Attributes:
        summary: What a list shows.
        reason: What CloudFormation says about the state of the stack.
        in_step_with_template: Whether the stack has the committed template.
        cause: The failure that the last operation ended with.
        progress: How far the operation in progress is.
        tasks: How many tasks run, and should.
        alarms: The logical IDs of the alarms that ring.
        drift: The drift, if it was detected.

    """

    summary: Summary
    reason: str
    in_step_with_template: bool
    cause: Event | None = None
    progress: OperationProgress | None = None
    tasks: Tasks | None = None
    alarms: Sequence[str] | None = None
    drift: Sequence[Drift] | None = None

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        data = self.summary.as_data() | {
            "reason": self.reason,
            "in_step_with_template": self.in_step_with_template,
            "cause": self.cause and self.cause.as_data(),
            "progress": self.progress and self.progress.as_data(),
            "tasks": self.tasks and asdict(self.tasks),
            "alarms": None if self.alarms is None else list(self.alarms),
        }
        if self.drift is not None:
            data["drift"] = [asdict(each) for each in self.drift]
        return data


def status(
    operations: Operations, template: Mapping[str, Any], *, detects_drift: bool = False
) -> EnvironmentStatus:
    """Return the state of an environment, compared with the committed template.

    An environment that is deleted has one as long as CloudFormation keeps its events.
    """
    stack = operations.require_stack(also_deleted=True)
    summary = Summary.of(stack)
    if stack.status == "REVIEW_IN_PROGRESS":
        return EnvironmentStatus(summary, stack.reason, in_step_with_template=False)
    if stack.status == "DELETE_COMPLETE":
        cause = _cause_of_deletion(operations, stack)
        return EnvironmentStatus(summary, stack.reason, in_step_with_template=False, cause=cause)
    (happened, current), (tasks, alarms) = both(
        lambda: both(
            lambda: events.last_operation(operations.client, stack.arn),
            lambda: cloudformation.original_template(operations.client, stack.arn),
        ),
        lambda: both(lambda: _tasks(operations, stack), lambda: _ringing_alarms(operations, stack)),
    )
    cause = None if stack.status in events.COMPLETIONS else events.root_cause(happened)
    return EnvironmentStatus(
        summary=summary,
        reason=stack.reason,
        in_step_with_template=current == template,
        cause=cause,
        progress=_progress(stack, current, happened) if stack.in_progress else None,
        tasks=tasks,
        alarms=alarms,
        drift=detect_drift(operations, stack) if detects_drift else None,
    )


def _cause_of_deletion(operations: Operations, stack: Stack) -> Event | None:
    """Return the failure of a creation that CloudFormation has deleted."""
    happened = events.last_operations(operations.client, stack.arn, 2)
    statuses = {event.status for event in happened if event.of_stack}
    is_creation = "CREATE_IN_PROGRESS" in statuses and statuses.isdisjoint(events.COMPLETIONS)
    return events.root_cause(happened) if is_creation else None


def _progress(
    stack: Stack, template: Mapping[str, Any] | None, happened: Sequence[Event]
) -> OperationProgress:
    """Return the progress of an operation; only a creation works on all resources."""
    total: Sequence[str] = ()
    if template and stack.status == "CREATE_IN_PROGRESS":
        total = [*Resolver(template, stack.parameters).section("Resources")]
    progress = OperationProgress(total, begun=happened[0].time if happened else None)
    for event in happened:
        progress.see(event)
    return progress


def _tasks(operations: Operations, stack: Stack) -> Tasks | None:
    outputs = stack.output_values
    if not {"ClusterName", "ServiceName"} <= outputs.keys():
        return None
    try:
        for service in operations.connection.ecs.describe_services(
            cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
        )["services"]:
            return Tasks(service["runningCount"], service["desiredCount"])
    except (BotoCoreError, ClientError) as error:
        operations.notify("tasks-unreadable", reason=str(explained(error)))
    return None


def _ringing_alarms(operations: Operations, stack: Stack) -> list[str] | None:
    try:
        names = {
            resource.get("PhysicalResourceId", ""): resource["LogicalResourceId"]
            for resource in cloudformation.list_resources(operations.client, stack)
            if resource["ResourceType"] == ALARM
        }
        known = [*filter(None, names)]
        return sorted(
            names[alarm["AlarmName"]]
            for first in range(0, len(known), ALARMS_A_CALL)
            for alarm in operations.connection.cloudwatch.describe_alarms(
                AlarmNames=known[first : first + ALARMS_A_CALL],
                StateValue="ALARM",
                MaxRecords=ALARMS_A_CALL,
            )["MetricAlarms"]
        )
    except (BotoCoreError, ClientError) as error:
        operations.notify("alarms-unreadable", reason=str(explained(error)))
        return None
