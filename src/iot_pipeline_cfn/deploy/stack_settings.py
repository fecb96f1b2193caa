"""Settings of a stack that no change set carries: its policy and its termination protection."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .cloudformation import Stack
from .operations import Operations
from .protection import wants_termination_protection
from .request import DeploymentRequest

ALLOW_ALL: Final = (
    '{"Statement":[{"Action":"Update:*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
)
"""What a stack without a policy allows; a policy that was set cannot be removed, only replaced."""


class Setting(StrEnum):
    """A setting of an existing stack that changes outside of the change set."""

    STACK_POLICY = "stack-policy"
    TERMINATION_PROTECTION_ON = "termination-protection-on"
    TERMINATION_PROTECTION_OFF = "termination-protection-off"


def apply_stack_settings(
    operations: Operations,
    request: DeploymentRequest,
    stack: Stack,
    parameters: Mapping[str, str],
) -> None:
    """Set the stack policy and the termination protection, which no change set carries."""
    set_policy(operations, stack.arn, request)
    enabled = wants_termination_protection(parameters)
    set_termination_protection(operations, stack, enabled=enabled)


def set_termination_protection(operations: Operations, stack: Stack, *, enabled: bool) -> None:
    """Switch termination protection on or off, if it is not already."""
    if stack.termination_protection != enabled:
        operations.client.update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=enabled
        )


def set_policy(operations: Operations, arn: str, request: DeploymentRequest) -> None:
    """Set the stack policy, if the stack does not have it already."""
    if not _has_policy(operations, arn, request):
        operations.client.set_stack_policy(StackName=arn, StackPolicyBody=_policy(request))


def _policy(request: DeploymentRequest) -> str:
    policy = request.file.stack_policy
    return ALLOW_ALL if policy is None else json.dumps(policy)


def _has_policy(operations: Operations, arn: str, request: DeploymentRequest) -> bool:
    current = operations.client.get_stack_policy(StackName=arn).get("StackPolicyBody")
    return bool(json.loads(current or ALLOW_ALL) == json.loads(_policy(request)))


def changed_settings(
    operations: Operations,
    request: DeploymentRequest,
    stack: Stack,
    parameters: Mapping[str, str],
) -> list[Setting]:
    """Return the settings of an existing stack that the deployment changes."""
    settings = []
    if not _has_policy(operations, stack.arn, request):
        settings.append(Setting.STACK_POLICY)
    enabled = wants_termination_protection(parameters)
    if stack.termination_protection != enabled:
        settings.append(
            Setting.TERMINATION_PROTECTION_ON if enabled else Setting.TERMINATION_PROTECTION_OFF
        )
    return settings
