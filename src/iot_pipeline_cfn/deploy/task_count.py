"""The number of tasks that an update keeps, so that it does not undo what auto scaling has done."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.parameters import (
    COUNT_PARAMETER,
    IMAGE_PARAMETER,
    RECORDED_PARAMETERS,
    SLOT_PARAMETER,
)

from . import cloudformation
from .cloudformation import Stack
from .operations import Operations
from .request import ChangeSetInput, DeploymentRequest

SERVICE = "AWS::ECS::Service"


def find_count(
    operations: Operations, request: DeploymentRequest, stack: Stack | None, content: ChangeSetInput
) -> dict[str, str]:
    """Return the parameter with the number of tasks of the running service, if an update needs it.

    It is empty where that is not more than `DesiredCount`. An update without other changes keeps
    the previous value: it has nothing to do.
    """
    if stack is None or COUNT_PARAMETER not in content.parameters:
        return {}
    try:
        count = _running_count(operations, stack, content.parameters)
        if count == content.parameters[COUNT_PARAMETER] or not _has_changes(
            operations, request, stack, content
        ):
            return {}
    except (BotoCoreError, ClientError) as error:
        operations.notify("task-count-unreadable", reason=str(error))
        return {}
    return {COUNT_PARAMETER: count}


def _running_count(operations: Operations, stack: Stack, parameters: Mapping[str, str]) -> str:
    outputs = stack.output_values
    if not (
        {"ClusterName", "ServiceName"} <= outputs.keys()
        and stack.parameters.get(IMAGE_PARAMETER)
        and parameters.get(IMAGE_PARAMETER)
    ):
        return ""
    services = operations.connection.ecs.describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    running = max((service["desiredCount"] for service in services), default=0)
    count = min(running, int(parameters["MaximumCount"]))
    return str(count) if count > int(parameters["DesiredCount"]) else ""


def _has_changes(
    operations: Operations, request: DeploymentRequest, stack: Stack, content: ChangeSetInput
) -> bool:
    """Return whether an update changes anything but the number of tasks and what is recorded."""
    before, after = (
        {name: value for name, value in parameters.items() if name not in RECORDED_PARAMETERS}
        for parameters in (stack.parameters, content.parameters)
    )
    return (
        before != after
        or content.tags != stack.tags
        or cloudformation.original_template(operations.client, stack.arn) != request.template
    )


def without_count(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a plan without the number of tasks and the changes that follow from it.

    The commit, the day and the slot in the network do not matter either.
    """
    left_out = {COUNT_PARAMETER, SLOT_PARAMETER, *RECORDED_PARAMETERS}
    parameters = {name: value for name, value in plan["parameters"].items() if name not in left_out}
    return {**plan, "parameters": parameters, "changes": _without_count(plan["changes"], set())}


def _without_count(changes: Sequence[Mapping[str, Any]], removed: set[str]) -> list[dict[str, Any]]:
    """Return changes without counts of services, and what refers to those that are `removed`."""
    kept = []
    for change in changes:
        properties = [
            part
            for part in change["properties"]
            if (change["resource_type"], part["path"]) != (SERVICE, "DesiredCount")
            and part["because_of"].partition(".")[0] not in removed
        ]
        if properties or not change["properties"]:
            kept.append({**change, "properties": properties})
    gone = {change["logical_id"] for change in changes} - {change["logical_id"] for change in kept}
    return _without_count(kept, gone) if gone else kept
