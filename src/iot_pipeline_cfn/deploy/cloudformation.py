"""Calls to CloudFormation: all pages of its answers, as typed data.

A call can be carried out although its answer is lost. botocore then sends it again, and what
CloudFormation answers to the second attempt is not a failure.
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from iot_pipeline_cfn.template.changes import ResourceChange

from .errors import DeploymentError, is_gone, message_of
from .planning import REASONS, Refusal
from .reported_changes import merge_changes, resource_change

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

BUSY_ATTEMPTS = 10
BUSY_PAUSE = 3.0
"""How often, and after how many seconds, a change set that CloudFormation works on is executed."""

TEMPLATE_BYTES = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


@dataclass(frozen=True)
class Output:
    """An output of a stack."""

    name: str
    value: str
    description: str
    export: str = ""
    """The name under which other stacks can import it."""


@dataclass(frozen=True)
class Stack:
    """A stack as CloudFormation describes it."""

    arn: str
    name: str
    status: str
    reason: str
    created: datetime
    updated: datetime | None
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    outputs: Sequence[Output]
    termination_protection: bool
    role_arn: str = ""
    """The service role that CloudFormation acts as; empty for the caller's permissions."""
    drift_checked: datetime | None = None
    """When drift was last detected."""
    is_express: bool = False
    """Whether its last operation was in express mode, which does not wait for resources."""
    is_without_rollback: bool = False
    """Whether that operation had rollback switched off, as other tools can do."""

    @property
    def account(self) -> str:
        """Its account."""
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        """Its Region."""
        return self.arn.split(":")[3]

    @property
    def output_values(self) -> dict[str, str]:
        """The values of its outputs by their names."""
        return {output.name: output.value for output in self.outputs}

    @property
    def in_progress(self) -> bool:
        """Whether an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


class ChangeSetState(Enum):
    """Whether a change set can be executed."""

    AVAILABLE = auto()
    EMPTY = auto()
    FAILED = auto()
    OBSOLETE = auto()


@dataclass(frozen=True)
class ChangeSet:
    """A change set as CloudFormation describes it."""

    arn: str
    status: str
    execution_status: str
    reason: str
    changes: Sequence[ResourceChange]

    @property
    def pending(self) -> bool:
        """Whether CloudFormation is still creating it."""
        return self.status in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}

    @property
    def state(self) -> ChangeSetState:
        """Whether it can be executed."""
        if self.status == "FAILED":
            nothing = ("didn't contain changes", "No updates are to be performed")
            empty = any(words in self.reason for words in nothing)
            return ChangeSetState.EMPTY if empty else ChangeSetState.FAILED
        if self.status == "CREATE_COMPLETE" and self.execution_status == "AVAILABLE":
            return ChangeSetState.AVAILABLE
        return ChangeSetState.OBSOLETE


@dataclass(frozen=True)
class ValidationFinding:
    """A finding of CloudFormation's early validation of a change set, or of a hook."""

    name: str
    path: str
    reason: str
    fails: bool


FAILURE_FIELDS = {
    "VALIDATION_ERROR": ("ValidationName", "ValidationStatusReason", "ValidationFailureMode"),
    "HOOK_INVOCATION_ERROR": ("HookType", "HookStatusReason", "HookFailureMode"),
    "PROVISIONING_ERROR": ("ResourceType", "ResourceStatusReason", ""),
}
"""The fields of each type of event with the name, the reason and the mode of a failure.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_OperationEvent.html
"""


def unique_name() -> str:
    """Return a unique name for a change set or a token."""
    return f"iot-pipeline-{uuid.uuid4()}"


def find_stack(client: "CloudFormationClient", name: str) -> Stack | None:
    """Return a stack by its name or, also when it is deleted, by its ARN."""
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return _stack(stack)


def find_deleted_stack(client: "CloudFormationClient", name: str) -> Stack | None:
    """Return the last deleted stack of a name; CloudFormation keeps stacks for 90 days.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
    """
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    found = [
        (summary.get("DeletionTime", summary["CreationTime"]), summary["StackId"])
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == name
    ]
    return find_stack(client, max(found)[1]) if found else None


def all_stacks(client: "CloudFormationClient") -> Iterator[Stack]:
    """Yield all stacks of the Region."""
    for page in client.get_paginator("describe_stacks").paginate():
        yield from map(_stack, page["Stacks"])


def _stack(stack: Mapping[str, Any]) -> Stack:
    mode = stack.get("DeploymentConfig", {})
    is_express = mode.get("Mode") == "EXPRESS"
    return Stack(
        arn=stack["StackId"],
        name=stack["StackName"],
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        created=stack["CreationTime"],
        updated=stack.get("LastUpdatedTime"),
        parameters={
            parameter["ParameterKey"]: parameter.get("ParameterValue", "")
            for parameter in stack.get("Parameters", [])
        },
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])},
        outputs=[
            Output(
                name=output["OutputKey"],
                value=output["OutputValue"],
                description=output.get("Description", ""),
                export=output.get("ExportName", ""),
            )
            for output in stack.get("Outputs", [])
        ],
        termination_protection=stack.get("EnableTerminationProtection", False),
        role_arn=stack.get("RoleARN", ""),
        drift_checked=stack.get("DriftInformation", {}).get("LastCheckTimestamp"),
        is_express=is_express,
        is_without_rollback=is_express and mode.get("DisableRollback", False),
    )


def create_change_set(
    client: "CloudFormationClient", stack_name: str, request: Mapping[str, Any]
) -> tuple[str, str]:
    """Request a change set, and return its ARN and the stack's."""
    name = unique_name()
    try:
        made = client.create_change_set(
            ChangeSetName=name, StackName=stack_name, ClientToken=name, **request
        )
    except client.exceptions.AlreadyExistsException:
        # The name is unique: either the first answer was lost, or the stack was created meanwhile.
        with suppress(ClientError):
            found = client.describe_change_set(ChangeSetName=name, StackName=stack_name)
            return found["ChangeSetId"], found["StackId"]
        raise obsolete() from None
    return made["Id"], made["StackId"]


def describe_change_set(client: "CloudFormationClient", arn: str) -> ChangeSet:
    """Return a change set with all its changes, and their values as far as AWS shows them."""
    change_set = _change_set(client, arn, with_values=True)
    if change_set.state is ChangeSetState.AVAILABLE and change_set.reason:
        # The reason tells that changes with large values are left out.
        whole = _change_set(client, arn, with_values=False)
        return replace(change_set, changes=merge_changes(whole.changes, change_set.changes))
    return change_set


def _change_set(client: "CloudFormationClient", arn: str, *, with_values: bool) -> ChangeSet:
    pages = list(
        client.get_paginator("describe_change_set").paginate(
            ChangeSetName=arn, IncludePropertyValues=with_values
        )
    )
    first = pages[0]
    return ChangeSet(
        arn=first["ChangeSetId"],
        status=first["Status"],
        execution_status=first.get("ExecutionStatus", "UNAVAILABLE"),
        reason=first.get("StatusReason", ""),
        changes=[
            resource_change(change["ResourceChange"])
            for page in pages
            for change in page.get("Changes", [])
            if "ResourceChange" in change
        ],
    )


def validation_findings(client: "CloudFormationClient", change_set: str) -> list[ValidationFinding]:
    """Return the findings of early validation and of hooks, also of a change set that succeeded.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    pages = client.get_paginator("describe_events").paginate(ChangeSetName=change_set)
    return [
        _validation_finding(event)
        for page in pages
        for event in page.get("OperationEvents", [])
        if event.get("EventType") in FAILURE_FIELDS and event.get("ValidationStatus") != "SKIPPED"
    ]


def _validation_finding(event: Mapping[str, Any]) -> ValidationFinding:
    name, reason, mode = FAILURE_FIELDS[event["EventType"]]
    return ValidationFinding(
        name=event.get(name, ""),
        path=event.get("ValidationPath", "") or event.get("LogicalResourceId", ""),
        reason=event.get(reason, ""),
        fails=event.get(mode) != "WARN",
    )


def require_available(client: "CloudFormationClient", change_set: ChangeSet) -> None:
    """Require that a change set can still be executed, before anything else is changed."""
    try:
        now = _change_set(client, change_set.arn, with_values=False)
    except client.exceptions.ChangeSetNotFoundException:
        raise obsolete() from None
    if now.state is not ChangeSetState.AVAILABLE:
        raise obsolete()


def execute_change_set(client: "CloudFormationClient", change_set: ChangeSet, token: str) -> None:
    """Execute a change set; the operation's events carry the token.

    A rollback deletes resources that the change set has created, even those with the deletion
    policy `Retain`, so that their names are free again
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html).
    CloudFormation may still be busy with the change set (https://github.com/aws/aws-cdk/issues/26182).
    """
    for attempt in range(1, BUSY_ATTEMPTS + 1):
        try:
            client.execute_change_set(
                ChangeSetName=change_set.arn, ClientRequestToken=token, RetainExceptOnCreate=True
            )
        except client.exceptions.InvalidChangeSetStatusException as error:
            if "currently in progress" in message_of(error) and attempt < BUSY_ATTEMPTS:
                time.sleep(BUSY_PAUSE)
                continue
            now = _change_set(client, change_set.arn, with_values=False)
            if not now.execution_status.startswith("EXECUTE_"):
                raise obsolete() from None
        except client.exceptions.ChangeSetNotFoundException:
            raise obsolete() from None
        return


def obsolete() -> DeploymentError:
    """Return the error of a change set that another deployment has made obsolete."""
    refusal = Refusal.CHANGE_SET_OBSOLETE
    return DeploymentError(REASONS[refusal], code=refusal)


def busy(stack: Stack) -> DeploymentError:
    """Return the error of a stack that another process is changing, where nobody waits for it."""
    message = f"{stack.name} ({stack.status}): another operation is in progress"
    return DeploymentError(message, code="busy", stack=stack.name, status=stack.status)


def has_other_change_sets(client: "CloudFormationClient", arn: str, deleted: str) -> bool:
    """Return whether a stack has a change set besides one that was just deleted."""
    pages = client.get_paginator("list_change_sets").paginate(StackName=arn)
    found = {each["ChangeSetId"] for page in pages for each in page.get("Summaries", [])}
    return bool(found - {deleted})


def list_resources(client: "CloudFormationClient", stack: Stack) -> list[Mapping[str, Any]]:
    """Return the summaries of a stack's existing resources."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack.arn)
    return [
        summary
        for page in pages
        for summary in page.get("StackResourceSummaries", [])
        if summary["ResourceStatus"] not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}
    ]


def original_template(client: "CloudFormationClient", stack: str) -> Mapping[str, Any] | None:
    """Return the template that was sent, or None if it is YAML."""
    body: Any = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, Mapping) else None


def delete_stack(
    client: "CloudFormationClient",
    stack: Stack,
    token: str,
    role: Mapping[str, Any],
    *,
    force: bool = False,
) -> None:
    """Have CloudFormation delete a stack, after its termination protection is lifted."""
    if stack.termination_protection:
        client.update_termination_protection(StackName=stack.arn, EnableTerminationProtection=False)
    client.delete_stack(
        StackName=stack.arn,
        ClientRequestToken=token,
        DeletionMode="FORCE_DELETE_STACK" if force else "STANDARD",
        **role,
    )


def parameter_list(parameters: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Return parameters as a call expects them; None stands for the previous value."""
    return [
        {"ParameterKey": name, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": name, "ParameterValue": value}
        for name, value in sorted(parameters.items())
    ]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as a call expects them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
