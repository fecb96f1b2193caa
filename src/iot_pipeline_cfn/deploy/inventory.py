"""The environments of a Region, their state, and their drift."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.parameters import COMMIT_PARAMETER, IMAGE_PARAMETER

from . import cloudformation
from .bootstrap import STACK as ACCOUNT_STACK
from .cloudformation import Stack
from .connection import Connection
from .environments import STACK_PREFIX
from .errors import DeploymentError
from .following import limited
from .lifetime import CREATOR_TAG, OWNER_TAG, expiry, last_activity, pull_request
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
    region: str
    state: str
    created: datetime
    updated: datetime
    expires: datetime | None
    """When its time is over, unless it is deployed again; None if it has no end."""
    owner: str
    created_by: str
    commit: str
    pull_request: int | None
    image: str
    protected: bool

    @classmethod
    def of(cls, stack: Stack) -> "Summary":
        """Summarise a stack."""
        return cls(
            name=stack.tags.get(ENVIRONMENT_TAG, ""),
            stack=stack.name,
            region=stack.region,
            state=stack.status,
            created=stack.created,
            updated=last_activity(stack),
            expires=expiry(stack),
            owner=stack.tags.get(OWNER_TAG, ""),
            created_by=stack.tags.get(CREATOR_TAG, ""),
            commit=stack.parameters.get(COMMIT_PARAMETER, ""),
            pull_request=pull_request(stack),
            image=stack.parameters.get(IMAGE_PARAMETER, ""),
            protected=is_protected(stack),
        )

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


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


def environment_stacks(connection: Connection) -> list[Stack]:
    """Return the stacks of all environments of the Region, by their names."""
    stacks = cloudformation.all_stacks(connection.cloudformation)
    return sorted(filter(is_environment, stacks), key=lambda stack: stack.name)


def is_environment(stack: Stack) -> bool:
    """Return whether a stack is an environment: the one definition of what belongs to us."""
    return (
        stack.name.startswith(STACK_PREFIX)
        and ENVIRONMENT_TAG in stack.tags
        and stack.status != "DELETE_COMPLETE"
        and stack.name != ACCOUNT_STACK
    )


def enabled_regions(connection: Connection) -> list[str]:
    """Return the Regions that the account has enabled.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    return sorted(region["RegionName"] for region in connection.ec2.describe_regions()["Regions"])


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
