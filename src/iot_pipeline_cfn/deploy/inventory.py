"""Looking at environments without changing anything: what the verbs list and status show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from . import cloudformation, events, planning
from .cloudformation import Stack
from .connection import Connection
from .deployment import OWNER_TAG
from .environments import STACK_PREFIX
from .errors import DeploymentError
from .operations import Operations
from .protection import is_protected

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Summary:
    """What a list shows of an environment."""

    name: str
    stack: str
    state: str
    created: datetime
    updated: datetime
    owner: str
    image: str
    protected: bool

    def as_data(self) -> dict[str, Any]:
        """Return it as data for JSON."""
        times = {"created": self.created.isoformat(), "updated": self.updated.isoformat()}
        return {**vars(self), **times}


def summary_of(stack: Stack) -> Summary:
    """Return what is shown of a stack."""
    return Summary(
        name=stack.tags.get(planning.ENVIRONMENT_TAG, ""),
        stack=stack.name,
        state=stack.status,
        created=stack.created,
        updated=stack.updated or stack.created,
        owner=stack.tags.get(OWNER_TAG, ""),
        image=stack.parameters.get(IMAGE_PARAMETER, ""),
        protected=is_protected(stack),
    )


def environments(connection: Connection) -> Iterator[Summary]:
    """Yield all environments of the region, by name."""
    stacks = cloudformation.all_stacks(connection.cloudformation)
    ours = (
        summary_of(stack)
        for stack in stacks
        if stack.name.startswith(STACK_PREFIX)
        and planning.ENVIRONMENT_TAG in stack.tags
        and stack.status != "DELETE_COMPLETE"
    )
    yield from sorted(ours, key=lambda summary: summary.stack)


def in_step(connection: Connection, stack: Stack, template: Mapping[str, Any]) -> bool:
    """Return whether a stack has the template that is committed here."""
    if stack.status == "REVIEW_IN_PROGRESS":
        return False
    deployed = cloudformation.original_template(connection.cloudformation, stack.arn)
    return deployed == template


def drift(operations: Operations, stack: Stack) -> list[str]:
    """Have CloudFormation look for drift, and return what has drifted, a line for each property.

    Raises:
        DeploymentError: when it could not look.

    """
    client = operations.connection.cloudformation
    detection = client.detect_stack_drift(StackName=stack.arn)["StackDriftDetectionId"]
    with operations.follower.limited("the drift"):
        for _ in events.paced(operations.follower.timeout):
            status = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if status["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
    if status["DetectionStatus"] == "DETECTION_FAILED":
        reason = status.get("DetectionStatusReason", "it gives no reason")
        message = f"CloudFormation cannot look for drift: {reason}"
        raise DeploymentError(message)
    return [line for found in _drifted(client, stack) for line in _lines(found)]


def _drifted(client: "CloudFormationClient", stack: Stack) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {
        "StackName": stack.arn,
        "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"],
    }
    while True:
        page = client.describe_stack_resource_drifts(**request)
        yield from page.get("StackResourceDrifts", [])
        if "NextToken" not in page:
            return
        request["NextToken"] = page["NextToken"]


def _lines(found: Mapping[str, Any]) -> list[str]:
    what = f"{found['LogicalResourceId']} ({found['ResourceType']})"
    differences = found.get("PropertyDifferences", [])
    if not differences:
        return [f"{what}: {found['StackResourceDriftStatus'].lower()}"]
    return [
        f"{what}: {difference['PropertyPath']} {difference['DifferenceType'].lower()}"
        for difference in differences
    ]
