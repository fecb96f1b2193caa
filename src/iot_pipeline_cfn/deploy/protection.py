"""Protection of environments: the one definition of what must not be lost or deleted by accident.

What is not known is protected: a stack that cannot be read, or has no parameter `Durability`.
No change set carries the settings that protect a stack: its policy and termination protection.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from .cloudformation import Stack
from .planning import is_ephemeral

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

Policy = Mapping[str, Any] | None

ALLOW_ALL: Final[Mapping[str, Any]] = {
    "Statement": [{"Action": "Update:*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]
}
"""What a stack without a policy allows; a policy that was set cannot be removed, only replaced."""


class Setting(StrEnum):
    """A setting of an existing stack that changes outside of the change set."""

    STACK_POLICY = "stack-policy"
    TERMINATION_PROTECTION_ON = "termination-protection-on"
    TERMINATION_PROTECTION_OFF = "termination-protection-off"


def is_protected(stack: Stack | None) -> bool:
    """Return whether an environment is protected; one whose stack is unknown is."""
    return stack is None or stack.termination_protection or not is_ephemeral(stack.parameters)


def wants_termination_protection(parameters: Mapping[str, str]) -> bool:
    """Return whether a stack with these parameters has termination protection switched on.

    A protected environment has it until `DeletionProtection` is disabled, so that it can be
    destroyed; the environment stays protected otherwise.
    """
    return not is_ephemeral(parameters) and parameters.get("DeletionProtection") == "enabled"


def refuses_deletion(stack: Stack) -> bool:
    """Return whether a stack must not be deleted before its protection is lifted.

    That takes `DeletionProtection` disabled: a stack without the parameters is protected as well.
    """
    is_lifted = stack.parameters.get("DeletionProtection") == "disabled"
    return stack.termination_protection or (is_protected(stack) and not is_lifted)


def changed_settings(
    client: "CloudFormationClient", stack: Stack, parameters: Mapping[str, str], policy: Policy
) -> list[Setting]:
    """Return the settings of an existing stack that a deployment changes."""
    settings = []
    if not _has_policy(client, stack, policy):
        settings.append(Setting.STACK_POLICY)
    enabled = wants_termination_protection(parameters)
    if stack.termination_protection != enabled:
        settings.append(
            Setting.TERMINATION_PROTECTION_ON if enabled else Setting.TERMINATION_PROTECTION_OFF
        )
    return settings


def set_policy(client: "CloudFormationClient", stack: Stack, policy: Policy) -> None:
    """Set the stack policy."""
    body = json.dumps(ALLOW_ALL if policy is None else policy)
    client.set_stack_policy(StackName=stack.arn, StackPolicyBody=body)


def _has_policy(client: "CloudFormationClient", stack: Stack, policy: Policy) -> bool:
    body = client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody")
    current = json.loads(body) if body else ALLOW_ALL
    return bool(current == (ALLOW_ALL if policy is None else policy))


def set_termination_protection(
    client: "CloudFormationClient", stack: Stack, *, enabled: bool
) -> None:
    """Switch termination protection on or off, if it is not already."""
    if stack.termination_protection != enabled:
        client.update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=enabled
        )
