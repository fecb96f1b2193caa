"""Drift: how resources differ from their template, as CloudFormation detects it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.changes import ResourceChange

from .cloudformation import Stack
from .errors import DeploymentError, explained
from .following import limited
from .operations import Operations
from .polling import answers

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

SECONDS_IN_A_PLAN: Final = 60.0
"""How long a plan waits for the detection; that of a whole stack takes minutes
(https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html)."""


@dataclass(frozen=True)
class Drift:
    """A property, or with an empty path a resource, that differs from the template."""

    logical_id: str
    resource_type: str
    path: str
    difference: str


def detect_drift(operations: Operations, stack: Stack) -> list[Drift]:
    """Have CloudFormation detect the drift of a stack."""
    with limited(operations, "the drift"):
        found, reason = _detect(operations, stack, operations.timeout)
    if reason:
        message = f"CloudFormation cannot detect drift: {reason}"
        raise DeploymentError(message, code="drift-detection-failed", reason=reason)
    return found


def find_drift_of_changes(
    operations: Operations, stack: Stack, changes: Sequence[ResourceChange], *, detects: bool
) -> list[Drift] | None:
    """Return the drift of the resources that changes affect, or None if it is not known.

    It is that of the last detection, unless the plan `detects` it now: that can take a minute, and
    needs the permissions to read each resource.
    """
    names = [change.logical_id for change in changes if change.physical_id]
    if not names:
        return []
    if detects:
        found = _detect_some(operations, stack, names)
    elif stack.drift_checked:
        found = _known(operations.client, stack)
    else:
        found = None
    return found and [each for each in found if each.logical_id in names]


def _detect_some(operations: Operations, stack: Stack, names: Sequence[str]) -> list[Drift] | None:
    """Have CloudFormation detect the drift of some resources; what prevents it is a notice."""
    found, reason = None, f"it takes more than {SECONDS_IN_A_PLAN:g} seconds"
    try:
        found, reason = _detect(operations, stack, SECONDS_IN_A_PLAN, names)
    except TimeoutError:
        pass
    except (BotoCoreError, ClientError) as error:
        reason = str(explained(error))
    if reason:
        operations.notify("drift-unknown", reason=reason)
    return found


def _detect(
    operations: Operations, stack: Stack, timeout: float, names: Sequence[str] = ()
) -> tuple[list[Drift], str]:
    """Return the drift of some resources, or of all, and the reason if some are missing.

    Raises:
        TimeoutError: when the seconds are over.

    """
    client = operations.client
    only: dict[str, Any] = {"LogicalResourceIds": names} if names else {}
    detection = client.detect_stack_drift(StackName=stack.arn, **only)["StackDriftDetectionId"]
    for found in answers(
        lambda: client.describe_stack_drift_detection_status(StackDriftDetectionId=detection),
        timeout,
        operations.report_outage,
    ):
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
    reason = ""
    if found["DetectionStatus"] == "DETECTION_FAILED":
        # The drift of all other resources is known.
        reason = found.get("DetectionStatusReason", "no reason given")
    return _known(client, stack), reason


def _known(client: "CloudFormationClient", stack: Stack) -> list[Drift]:
    """Return the drift of the last detections."""
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
