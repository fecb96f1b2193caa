"""The express mode of CloudFormation, which ministack does not know.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html

A template can ask that databases take some seconds to become available:

    {"Metadata": {"Emulator": {"ReadySeconds": 1}}}
"""

import time
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from inspect import signature
from typing import Any

from ministack.services import cloudformation, rds
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from .change_sets import Action, Request
from .requested_events import REQUEST
from .resource_types import Answer, Properties, wrap

EXPRESS = "EXPRESS"
STANDARD = {"Mode": "STANDARD", "DisableRollback": "false"}
WITHOUT_ROLLBACK = {"Mode": EXPRESS, "DisableRollback": "true"}
COMPLETED = (
    "Resource operation completed in express mode. The resource may still be becoming available."
)

Config = Mapping[str, str]


def patch() -> None:
    """Patch the operations on stacks, their events, and the state of databases."""
    actions = handlers._ACTION_HANDLERS
    for name in ("CreateStack", "UpdateStack", "CreateChangeSet"):
        wrap(actions, name, accept_mode)
    wrap(actions, "ExecuteChangeSet", execute_in_mode)
    wrap(actions, "RollbackStack", refuse_rollback)
    wrap(actions, "DescribeStacks", describe_mode)
    wrap(stacks, "_add_event", mark_completion)
    wrap(stacks, "_provision_resource", begin_creation)
    wrap(rds, "_instance_xml", describe_creation)


def _refusal(message: str) -> Answer:
    answer: Answer = helpers._error("ValidationError", message)
    return answer


def _is_left(stack: Mapping[str, Any]) -> bool:
    """Return whether express mode without rollback has left a stack that failed."""
    failed = stack.get("StackStatus") in {"CREATE_FAILED", "UPDATE_FAILED"}
    return failed and stack.get("DeploymentConfig") == WITHOUT_ROLLBACK


def accept_mode(act: Action) -> Action:
    """Keep the mode of an operation, and refuse what CloudFormation refuses with it.

    https://github.com/aws/aws-cdk-cli/issues/1739, https://github.com/aws/aws-cdk-cli/issues/1973
    """

    def patched(request: Request) -> Answer:
        config = {
            name: helpers._p(request, f"DeploymentConfig.{name}") or default
            for name, default in STANDARD.items()
        }
        stack = handlers._resolve_stack(helpers._p(request, "StackName")) or {}
        is_express = config["Mode"] == EXPRESS
        if is_express and {"OnFailure", "OnStackFailure"} & {*request}:
            return _refusal("OnFailure is not supported in express mode")
        if _is_left(stack) and config != WITHOUT_ROLLBACK:
            return _refusal("The stack must be updated in express mode with rollback disabled")
        name = helpers._p(request, "ChangeSetName")
        if is_express and not name:
            request = {**request, "DisableRollback": config["DisableRollback"]}
        answer = act(request)
        if answer[0] == HTTPStatus.OK:
            changed = handlers._resolve_stack(helpers._p(request, "StackName"))
            if name:
                _, changed = changesets._find_change_set(name, changed["StackName"])
            changed["DeploymentConfig"] = config
        return answer

    return patched


def execute_in_mode(execute: Action) -> Action:
    """Execute a change set in its mode, which the stack then has."""

    def patched(request: Request) -> Answer:
        _, change_set = changesets._find_change_set(
            helpers._p(request, "ChangeSetName"), helpers._p(request, "StackName")
        )
        config = (change_set or {}).get("DeploymentConfig", STANDARD)
        if config["Mode"] == EXPRESS:
            if "DisableRollback" in request:
                return _refusal("DisableRollback is part of the change set in express mode")
            request = {**request, "DisableRollback": config["DisableRollback"]}
        stack = cloudformation._stacks.get((change_set or {}).get("StackName"))
        if stack and change_set["ExecutionStatus"] == "AVAILABLE":
            stack["DeploymentConfig"] = config
        return execute(request)

    return patched


def refuse_rollback(roll_back: Action) -> Action:
    """Refuse to roll back what express mode without rollback has left."""

    def patched(request: Request) -> Answer:
        if _is_left(handlers._resolve_stack(helpers._p(request, "StackName")) or {}):
            return _refusal("RollbackStack is not supported after a failure in express mode")
        return roll_back(request)

    return patched


def describe_mode(describe: Action) -> Action:
    """Describe the mode of the last operation on each stack."""

    def patched(request: Request) -> Answer:
        status, headers, body = describe(request)
        for stack in cloudformation._stacks.values():
            if config := stack.get("DeploymentConfig"):
                fields = "".join(f"<{name}>{value}</{name}>" for name, value in config.items())
                mark = f"<StackId>{stack['StackId']}</StackId>"
                mode = f"{mark}<DeploymentConfig>{fields}</DeploymentConfig>"
                body = body.replace(mark.encode(), mode.encode())
        return status, headers, body

    return patched


def mark_completion(add_event: Callable[..., None]) -> Callable[..., None]:
    """Give the reason of express mode to the event of a resource that is complete."""
    parameters = signature(add_event)

    @wraps(add_event)
    def patched(*arguments: str, **options: str) -> None:
        event = parameters.bind(*arguments, **options).arguments
        if (
            event["status"].endswith("_COMPLETE")
            and event["logical_id"] != event["stack_name"]
            and _is_express(event["stack_name"])
        ):
            event["reason"] = COMPLETED
        add_event(**event)

    return patched


def _is_express(stack: str) -> bool:
    config: Config = cloudformation._stacks.get(stack, {}).get("DeploymentConfig", STANDARD)
    return config["Mode"] == EXPRESS


def begin_creation(provision: Callable[..., Any]) -> Callable[..., Any]:
    """Create a database in express mode without waiting until it is available."""

    def patched(resource_type: str, logical_id: str, properties: Properties, stack: str) -> Any:
        reference, attributes = provision(resource_type, logical_id, properties, stack)
        request = REQUEST.get()
        if resource_type == "AWS::RDS::DBInstance" and request and _is_express(stack):
            seconds = request.asked.get("ReadySeconds", 0)
            rds._instances[reference]["AvailableFrom"] = time.time() + seconds
        return reference, attributes

    return patched


def describe_creation(render: Callable[[Properties], str]) -> Callable[[Properties], str]:
    """Describe a database as being created until it is available."""

    def patched(instance: Properties) -> str:
        is_created = time.time() >= instance.get("AvailableFrom", 0)
        return render(instance if is_created else {**instance, "DBInstanceStatus": "creating"})

    return patched
