"""The stacks of consumers, and the environments that can be proposed for destruction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import find_stack
from iot_pipeline_cfn.deploy.environments import environment_named
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.operations import command_line
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG
from iot_pipeline_cfn.deploy.protection import is_protected
from iot_pipeline_cfn.template.findings import Remediation, Value

from .checking import PreflightContext
from .consumers import Consumer

STACK_TAG: Final = "aws:cloudformation:stack-name"
LOGICAL_ID_TAG: Final = "aws:cloudformation:logical-id"

PROPOSALS: Final = 3
"""The maximum of environments that are proposed for destruction."""


def grouped(context: PreflightContext, consumers: Iterable[Consumer]) -> list[dict[str, Value]]:
    """Return the amounts of environments, other stacks and single resources, in this order.

    Within these, the largest comes first.
    """
    groups: defaultdict[tuple[str, str, str], list[Consumer]] = defaultdict(list)
    for consumer in consumers:
        environment = consumer.tags.get(ENVIRONMENT_TAG, "")
        # Some resources, such as caches, have the stack's own tags but none of CloudFormation's.
        stack = consumer.tags.get(STACK_TAG) or stack_name_of(context, environment)
        groups[environment, stack, "" if stack else consumer.name].append(consumer)
    found = [
        {
            "environment": environment,
            "stack": stack,
            "resource": resource
            or (members[0].tags.get(LOGICAL_ID_TAG, "") if len(members) == 1 else ""),
            "amount": sum(member.amount for member in members),
            "idle": all(member.is_idle for member in members),
        }
        for (environment, stack, resource), members in groups.items()
    ]
    return sorted(
        found,
        key=lambda each: (
            not each["environment"],
            not each["stack"],
            -each["amount"],
            each["stack"] or each["resource"],
        ),
    )


def destroyable(
    context: PreflightContext, consumers: Sequence[Mapping[str, Value]]
) -> list[Remediation]:
    """Return proposals to destroy the largest other environments that are known to be unprotected.

    Args:
        context: The deployment that needs the quota.
        consumers: The consumers as `grouped` returns them.

    """
    candidates = (
        each
        for each in consumers
        if each["environment"]
        and each["stack"] != context.environment.stack_name
        and _can_be_destroyed(context, each)
    )
    return [
        Remediation(
            "destroy-environment",
            {
                "environment": each["environment"],
                "argv": command_line("destroy", context.connection, each["environment"]),
            },
        )
        for each in islice(candidates, PROPOSALS)
    ]


def _can_be_destroyed(context: PreflightContext, consumer: Mapping[str, Value]) -> bool:
    """Return whether `destroy` can delete the consumer's stack and the stack is unprotected.

    Whatever cannot be read is protected.
    """
    name = stack_name_of(context, consumer["environment"])
    if not name or name != consumer["stack"]:
        return False
    try:
        stack = find_stack(context.connection.cloudformation, name)
    except (BotoCoreError, ClientError):
        return False
    return (
        stack is not None
        and stack.tags.get(ENVIRONMENT_TAG) == consumer["environment"]
        and not is_protected(stack)
    )


def stack_name_of(context: PreflightContext, environment: str) -> str:
    """Return the stack name of an environment, or an empty one where the name is no valid one."""
    try:
        return environment_named(environment, context.template).stack_name if environment else ""
    except DeploymentError:
        return ""
