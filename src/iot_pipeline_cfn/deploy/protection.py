"""Protection of environments: the one definition of what must not be lost or deleted by accident.

What is not known is protected: a stack that cannot be read, or has no parameter `Durability`.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from .cloudformation import Stack, find_stack

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


def is_protected(stack: Stack | None) -> bool:
    """Return whether an environment is protected, which it also is where its stack is unknown."""
    return (
        stack is None
        or stack.termination_protection
        or stack.parameters.get("Durability") != "ephemeral"
    )


def is_stack_protected(client: "CloudFormationClient", name: str) -> bool:
    """Return whether the environment of a stack is protected, or cannot be read."""
    with suppress(BotoCoreError, ClientError):
        return is_protected(find_stack(client, name) if name else None)
    return True


def wants_termination_protection(parameters: Mapping[str, str]) -> bool:
    """Return whether a stack with these parameters has termination protection switched on.

    A protected environment has it until `DeletionProtection` is disabled, so that it can be
    destroyed; the environment stays protected otherwise.
    """
    return (
        parameters.get("Durability") == "protected"
        and parameters.get("DeletionProtection") == "enabled"
    )


def refuses_deletion(stack: Stack) -> bool:
    """Return whether a stack must not be deleted before its protection is lifted."""
    return stack.termination_protection or wants_termination_protection(stack.parameters)
