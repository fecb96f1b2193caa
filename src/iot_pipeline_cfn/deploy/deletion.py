"""Deleting an environment."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.resolution import Resolver
from iot_pipeline_cfn.template.stateful import holds_data, policy_of

from . import cloudformation, events, planning
from .cloudformation import Stack
from .concurrency import both
from .connection import Connection
from .errors import DeploymentError
from .events import Event
from .following import OperationOutcome, run
from .network_use import users_of
from .observer import Operation
from .obstacles import Obstacle, clear_obstacles, explain_obstacle
from .operations import Operations
from .planning import StackAction, Verb
from .protection import refuses_deletion
from .readiness import make_ready

ATTEMPTS = 3
"""How often the deletion of a stack is tried."""

DATABASE: Final = "AWS::RDS::DBInstance"
CACHE: Final = "AWS::ElastiCache::ReplicationGroup"


class DeletionOutcome(StrEnum):
    """What becomes of a resource when its stack is deleted."""

    DELETED = "deleted"
    KEPT = "kept"
    SNAPSHOT = "snapshot"
    """Deleted, with a final snapshot."""
    UNKNOWN = "unknown"
    """Deleted or kept: its deletion policy cannot be read."""


OUTCOMES = {
    "Delete": DeletionOutcome.DELETED,
    "Retain": DeletionOutcome.KEPT,
    "RetainExceptOnCreate": DeletionOutcome.KEPT,
    "Snapshot": DeletionOutcome.SNAPSHOT,
}


@dataclass(frozen=True)
class DeletedResource:
    """A resource of a stack that is going to be deleted."""

    logical_id: str
    resource_type: str
    outcome: DeletionOutcome
    physical_id: str = ""

    @property
    def has_data(self) -> bool:
        """Whether it holds data, or takes a final snapshot."""
        is_snapshot = self.outcome is DeletionOutcome.SNAPSHOT
        return is_snapshot or holds_data({"Type": self.resource_type})

    @property
    def can_have_snapshots(self) -> bool:
        """Whether snapshots of it can remain."""
        return self.resource_type in {DATABASE, CACHE}

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {**asdict(self), "has_data": self.has_data}


@dataclass(frozen=True)
class DeletionPlan:
    """The stack to delete, if there is one, and what becomes of its resources."""

    stack: Stack | None
    resources: Sequence[DeletedResource] = ()

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "stack": self.stack.arn if self.stack else None,
            "resources": [resource.as_data() for resource in self.resources],
        }


def plan_deletion(operations: Operations) -> DeletionPlan:
    """Return the stack and the resources that a deletion would delete."""
    stack, action = make_ready(operations, Verb.DESTROY)
    if stack is None or action is StackAction.NOTHING:
        return DeletionPlan(None)
    # A deletion that failed was allowed before.
    is_exempt = stack.status in {*planning.NEVER_COMPLETED, "DELETE_FAILED"}
    if refuses_deletion(stack) and not is_exempt:
        message = (
            f"{operations.environment.suffix} is protected; nothing was deleted. To lift the "
            "protection, with the other options of your deployments, such as --bucket, run:\n    "
            f"{operations.command('deploy')} --parameter DeletionProtection=disabled"
        )
        raise DeploymentError(message, code="protected")
    if stack.status == "REVIEW_IN_PROGRESS":
        return DeletionPlan(stack)
    if users := users_of(operations, stack):
        raise _in_use(stack, users)
    template, summaries = both(
        lambda: cloudformation.original_template(operations.client, stack.arn),
        lambda: cloudformation.list_resources(operations.client, stack),
    )
    resources = [
        DeletedResource(
            logical_id=resource["LogicalResourceId"],
            resource_type=resource["ResourceType"],
            outcome=_outcome(template, resource["LogicalResourceId"], stack.parameters),
            physical_id=resource.get("PhysicalResourceId", ""),
        )
        for resource in summaries
    ]
    return DeletionPlan(stack, resources)


def _in_use(stack: Stack, users: Sequence[str], reason: str = "") -> DeploymentError:
    by = ", ".join(users) or "another stack"
    message = f"{stack.name} cannot be deleted before {by}, which uses it; nothing was deleted"
    lines = [message, reason] if reason else [message]
    return DeploymentError("\n  ".join(lines), code="in-use", stacks=users, reason=reason)


def _outcome(
    template: Mapping[str, Any] | None, logical_id: str, parameters: Mapping[str, str]
) -> DeletionOutcome:
    """Return the outcome of a resource's deletion policy, which may depend on a condition."""
    if template is None:
        return DeletionOutcome.UNKNOWN
    policy = policy_of(template["Resources"].get(logical_id, {}), "DeletionPolicy")
    resolved = Resolver(template, parameters).value(policy)
    return OUTCOMES.get(str(resolved), DeletionOutcome.UNKNOWN)


def delete(
    operations: Operations, stack: Stack, resources: Sequence[DeletedResource], *, force: bool
) -> list[Event]:
    """Delete a stack, in several attempts if something holds it, and return the events of all."""
    if stack.status == "REVIEW_IN_PROGRESS":
        # It has no resources, and its deletion has no events.
        cloudformation.delete_stack(
            operations.client, stack, cloudformation.unique_name(), operations.role
        )
        return []
    is_second = stack.status == "DELETE_FAILED"
    outcome = _attempt(operations, stack, resources, force=force and is_second)
    attempts = [outcome]
    obstacles: Sequence[Obstacle] = ()
    while outcome.status == "DELETE_FAILED" and len(attempts) < ATTEMPTS:
        released, obstacles = clear_obstacles(operations, outcome.failures)
        again = cloudformation.find_stack(operations.client, stack.arn)
        # A second attempt always helps where something was in use for a moment.
        if again is None or not (released or len(attempts) == 1):
            break
        operations.notify("deleting-again", **outcome.details())
        gone = {each.logical_id for each in outcome.events if each.status == "DELETE_COMPLETE"}
        resources = [each for each in resources if each.logical_id not in gone]
        outcome = _attempt(operations, again, resources, force=force)
        attempts.append(outcome)
    if outcome.status == "DELETE_COMPLETE":
        return [event for attempt in attempts for event in attempt.events]
    if outcome.status.endswith("_COMPLETE"):
        # CloudFormation puts a stack back to its status if another imports its exports by now
        # (https://github.com/aws/aws-sdk/issues/383).
        reasons = [
            event.reason
            for event in outcome.events
            if event.of_stack and event.reason and event.status != "DELETE_IN_PROGRESS"
        ]
        raise _in_use(stack, users_of(operations, stack), "; ".join(reasons))
    lines = [
        f"{operations.environment.suffix} could not be deleted ({outcome.status})",
        *(
            f"{event.logical_id} ({event.resource_type}): {event.reason}"
            for event in outcome.failures
        ),
        *map(explain_obstacle, obstacles),
        f"after fixing that, run:\n    {operations.command('destroy')}",
        "or leave these resources behind with --force",
    ]
    failures = [event.as_data() for event in outcome.failures]
    raise DeploymentError(
        "\n  ".join(lines),
        ExitCode.STUCK,
        code="deletion-failed",
        failures=failures,
        obstacles=[asdict(obstacle) for obstacle in obstacles],
    )


def _attempt(
    operations: Operations, stack: Stack, resources: Sequence[DeletedResource], *, force: bool
) -> OperationOutcome:
    """Try once to delete a stack; one that was never in use loses its protection first."""
    client = operations.client
    was_in_use = stack.status not in planning.NEVER_COMPLETED and (
        stack.status != "DELETE_FAILED" or events.ever_completed(client, stack.arn)
    )
    if not was_in_use:
        _lift_deletion_protection(operations.connection, resources)
    return run(
        operations,
        Operation.DELETE,
        stack,
        lambda token: cloudformation.delete_stack(
            client, stack, token, operations.role, force=force
        ),
        [resource.logical_id for resource in resources],
    )


def _lift_deletion_protection(connection: Connection, resources: Sequence[DeletedResource]) -> None:
    """Lift the deletion protection of database and load balancer after a failed creation.

    A protected environment is created with it, and a rollback cannot lift it.
    """
    for resource in resources:
        name = resource.physical_id
        # If protection cannot be lifted, the deletion fails and reports the reason.
        with suppress(BotoCoreError, ClientError):
            match resource.resource_type:
                case "AWS::RDS::DBInstance":
                    connection.rds.modify_db_instance(
                        DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                    )
                case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                    connection.elbv2.modify_load_balancer_attributes(
                        LoadBalancerArn=name,
                        Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
                    )
