"""The environments of a Region, their state, and their drift."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from . import cloudformation
from .bootstrap import STACK as ACCOUNT_STACK
from .cloudformation import Stack
from .connection import Connection
from .environments import STACK_PREFIX
from .errors import DeploymentError
from .following import limited
from .lifetime import OWNER_TAG
from .operations import Operations
from .planning import ENVIRONMENT_TAG
from .polling import answers
from .protection import is_protected

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Summary:
    """An environment in a list."""

    name: str
    stack: str
    state: str
    created: datetime
    updated: datetime
    owner: str
    image: str
    protected: bool

    @classmethod
    def of(cls, stack: Stack) -> "Summary":
        """Summarise a stack."""
        return cls(
            name=stack.tags.get(ENVIRONMENT_TAG, ""),
            stack=stack.name,
            state=stack.status,
            created=stack.created,
            updated=stack.updated or stack.created,
            owner=stack.tags.get(OWNER_TAG, ""),
            image=stack.parameters.get(IMAGE_PARAMETER, ""),
            protected=is_protected(stack),
        )

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        times = {"created": self.created.isoformat(), "updated": self.updated.isoformat()}
        return asdict(self) | times


@dataclass(frozen=True)
class Drift:
    """A property, or with an empty path a resource, that differs from the template."""

    logical_id: str
    resource_type: str
    path: str
    difference: str


@dataclass(frozen=True)
class EnvironmentStatus:
    """The state of an environment; `drift` is None where it was not detected."""

    summary: Summary
    reason: str
    in_step_with_template: bool
    drift: Sequence[Drift] | None = None

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        data = self.summary.as_data() | {
            "reason": self.reason,
            "in_step_with_template": self.in_step_with_template,
        }
        if self.drift is not None:
            data["drift"] = [asdict(each) for each in self.drift]
        return data


def list_environments(connection: Connection) -> list[Summary]:
    """Return all environments of the Region, by the names of their stacks."""
    stacks = cloudformation.all_stacks(connection.cloudformation)
    found = (
        Summary.of(stack)
        for stack in stacks
        if stack.name.startswith(STACK_PREFIX)
        and ENVIRONMENT_TAG in stack.tags
        and stack.status != "DELETE_COMPLETE"
        and stack.name != ACCOUNT_STACK
    )
    return sorted(found, key=lambda summary: summary.stack)


def status(
    operations: Operations, template: Mapping[str, Any], *, detects_drift: bool = False
) -> EnvironmentStatus:
    """Return the state of an environment, compared with the committed template."""
    stack = operations.require_stack()
    return EnvironmentStatus(
        summary=Summary.of(stack),
        reason=stack.reason,
        in_step_with_template=stack.status != "REVIEW_IN_PROGRESS"
        and cloudformation.original_template(operations.client, stack.arn) == template,
        drift=detect_drift(operations, stack) if detects_drift else None,
    )


def detect_drift(operations: Operations, stack: Stack) -> list[Drift]:
    """Have CloudFormation detect drift."""
    client = operations.client
    detection = client.detect_stack_drift(StackName=stack.arn)["StackDriftDetectionId"]
    with limited(operations, "the drift"):
        for found in answers(
            lambda: client.describe_stack_drift_detection_status(StackDriftDetectionId=detection),
            operations.timeout,
            operations.report_outage,
        ):
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
    if found["DetectionStatus"] == "DETECTION_FAILED":
        reason = found.get("DetectionStatusReason", "no reason given")
        message = f"CloudFormation cannot detect drift: {reason}"
        raise DeploymentError(message, code="drift-detection-failed", reason=reason)
    return [drift for resource in _drifted(client, stack) for drift in _drifts(resource)]


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


def _drifts(resource: Mapping[str, Any]) -> list[Drift]:
    name, resource_type = resource["LogicalResourceId"], resource["ResourceType"]
    properties = resource.get("PropertyDifferences", [])
    if not properties:
        return [Drift(name, resource_type, "", resource["StackResourceDriftStatus"].lower())]
    return [
        Drift(name, resource_type, part["PropertyPath"], part["DifferenceType"].lower())
        for part in properties
    ]
