"""The shared network of an environment: its stack, the slots in it, and the stacks that use it.

An environment has a slot in its network: the priority of its rule at the shared load balancer.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.template.parameters import NETWORK_PARAMETER, SLOT_PARAMETER, SLOTS

from . import cloudformation
from .cloudformation import Stack
from .environments import STACK_PREFIX
from .errors import DENIED, DeploymentError, code_of, message_of
from .following import limited
from .operations import Operations, command_line
from .polling import answers
from .request import DeploymentRequest

PRIORITY_IN_USE: Final = re.compile(
    r"Priority '?\d+'? is currently in use|"
    r"AWS::ElasticLoadBalancingV2::ListenerRule' with identifier .*already exists",
    re.IGNORECASE | re.DOTALL,
)
"""What CloudFormation reports, in two versions of its handler
(https://github.com/stelligent/mu/issues/324, https://github.com/aws/copilot-cli/issues/4532)."""

USABLE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
"""The statuses of a network whose exports can be imported, and do not change meanwhile."""
ENDING: Final = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
"""The statuses of a network that will not be usable."""


def network_of(request: DeploymentRequest) -> str | None:
    """Return the name of the network that an environment shares, or None if it has its own."""
    declared = request.template["Parameters"].get(NETWORK_PARAMETER)
    if declared is None:
        return None
    given = {**request.file.parameters, **request.parameters}
    return str(given.get(NETWORK_PARAMETER, declared["Default"]))


def find_network(operations: Operations, name: str) -> Stack | None:
    """Return the stack of a network that can be used, or once its operation has ended."""
    stack = cloudformation.find_stack(operations.client, f"{STACK_PREFIX}{name}")
    if stack and (stack.status in USABLE or (stack.in_progress and stack.status not in ENDING)):
        return stack
    return None


def network_needed(operations: Operations, name: str) -> DeploymentError:
    """Return the error of an environment whose network does not exist."""
    command = shlex.join(command_line("deploy", operations.connection, name))
    message = (
        f"{operations.environment.suffix} needs the network {name}, which does not exist or is not "
        f"complete: run {command} (make deploy ENV={name}), or deploy both with --with-network "
        "(make: WITH_NETWORK=1)"
    )
    return DeploymentError(message, code="network-needed", network=name, command=command)


def choose_slot(operations: Operations, name: str) -> str:
    """Return a slot for a new environment that no other environment of the network has."""
    network, taken = _look_at_network(operations, name)
    slot = free_slot(operations.environment.suffix, taken)
    if slot is None:
        users = users_of(operations, network)
        message = (
            f"the network {name} serves {SLOTS} environments and has no slot left; destroy one of "
            f"{', '.join(users)}, or deploy another network and name it with --parameter "
            f"{NETWORK_PARAMETER}=..."
        )
        raise DeploymentError(message, code="network-full", network=name, stacks=users)
    return str(slot)


def free_slot(suffix: str, taken: Collection[int]) -> int | None:
    """Return the first free slot for a suffix, or None.

    The first choice depends on the suffix alone, by the number of the pull request if there is one,
    so that deployments at once rarely choose the same.
    """
    digits = re.search(r"\d+", suffix)
    first = int(digits[0]) - 1 if digits else sum(suffix.encode())
    numbers = ((first + step) % SLOTS + 1 for step in range(SLOTS))
    return next((number for number in numbers if number not in taken), None)


def require_free_slot(operations: Operations, slot: str, name: str) -> None:
    """Require right before the execution that no other environment has taken the slot."""
    _, taken = _look_at_network(operations, name, ignored={"REVIEW_IN_PROGRESS"})
    if int(slot) in taken:
        raise cloudformation.obsolete()


def _look_at_network(
    operations: Operations, name: str, ignored: Collection[str] = ()
) -> tuple[Stack, set[int]]:
    """Return a network, which must be usable, and the slots that others have in it."""
    stacks = [*cloudformation.all_stacks(operations.client)]
    for stack in stacks:
        if stack.name != f"{STACK_PREFIX}{name}":
            continue
        if stack.in_progress:
            _wait(operations, stack)
            return _look_at_network(operations, name, ignored)
        if stack.status in USABLE:
            taken = {*_slots_of(stacks, operations.environment.stack_name, name, ignored)}
            return stack, taken | used_priorities(operations, stack)
    raise network_needed(operations, name)


def _wait(operations: Operations, network: Stack) -> None:
    """Wait until no operation on a network is in progress.

    The roles of pull requests may not read its events.
    """
    if not operations.wait:
        raise cloudformation.busy(network)
    subject = replace(operations.environment, suffix=network.name.removeprefix(STACK_PREFIX))
    replace(operations, environment=subject).notify("waiting", status=network.status)
    with limited(operations, f"the network {network.name}"):
        for stack in answers(
            lambda: cloudformation.find_stack(operations.client, network.name),
            operations.timeout,
            operations.report_outage,
        ):
            if stack is None or not stack.in_progress:
                break


def lost_slot(error: DeploymentError) -> bool:
    """Return whether a creation failed because another environment took the slot first."""
    cause = error.details.get("cause")
    return isinstance(cause, dict) and bool(PRIORITY_IN_USE.search(str(cause.get("reason"))))


def users_of(operations: Operations, stack: Stack) -> list[str]:
    """Return the names of the stacks that import an output of a stack."""
    names: set[str] = set()
    for output in stack.outputs:
        if output.export:
            names |= _importers(operations, output.export)
    return sorted(names)


def _importers(operations: Operations, export: str) -> set[str]:
    try:
        pages = operations.client.get_paginator("list_imports").paginate(ExportName=export)
        return {name for page in pages for name in page["Imports"]}
    except ClientError as error:
        # CloudFormation answers so where nothing imports the value.
        if "is not imported" in message_of(error):
            return set()
        raise


def _slots_of(
    stacks: Iterable[Stack], own: str, name: str, ignored: Collection[str]
) -> Iterator[int]:
    """Yield the slots of other environments, also of those that are still being created."""
    for stack in stacks:
        slot = stack.parameters.get(SLOT_PARAMETER)
        if (
            slot
            and stack.name != own
            and stack.parameters.get(NETWORK_PARAMETER) == name
            and stack.status not in {"DELETE_COMPLETE", *ignored}
        ):
            yield int(slot)


def used_priorities(operations: Operations, network: Stack) -> set[int]:
    """Return the priorities of the rules at the shared listener, as far as they can be read.

    The role of pull requests may not read rules, which contain secrets. Slots of stacks are known
    without them, and a creation with a priority in use is tried again.
    """
    export = f"{network.name}:ListenerArn"
    listener = next((each.value for each in network.outputs if each.export == export), None)
    if listener is None:
        message = f"{network.name} is no shared network: it does not export {export}"
        raise DeploymentError(message, code="no-network", stack=network.name)
    pages = operations.connection.elbv2.get_paginator("describe_rules").paginate(
        ListenerArn=listener
    )
    try:
        rules = [rule for page in pages for rule in page["Rules"]]
    except ClientError as error:
        if code_of(error) in DENIED:
            return set()
        raise
    return {int(rule["Priority"]) for rule in rules if rule["Priority"].isdecimal()}
