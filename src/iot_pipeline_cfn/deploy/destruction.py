"""Taking an environment down, or an update back: what the verbs destroy and cancel do."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.resolution import Resolver

from . import cloudformation, events, following, planning, protection
from .cloudformation import Stack
from .connection import Connection
from .errors import DeploymentError
from .following import Outcome
from .operations import Operations
from .planning import Action, Wanted


@dataclass(frozen=True)
class Fate:
    """What becomes of a resource when its stack is deleted."""

    logical_id: str
    resource_type: str
    policy: str

    @property
    def what(self) -> str:
        """Return it in words."""
        words = {
            "Retain": "is kept",
            "RetainExceptOnCreate": "is kept",
            "Snapshot": "is deleted; a final snapshot is kept",
        }
        unknown = "is deleted or kept, by a policy that cannot be read here"
        return words.get(self.policy, "is deleted" if self.policy else unknown)


def doomed(operations: Operations) -> tuple[Stack | None, Sequence[Fate]]:
    """Return the stack to delete, if there is one, and what becomes of its resources.

    Raises:
        DeploymentError: when it must not be deleted.

    """
    stack, action = operations.until_ready(Wanted.DESTROY)
    if stack is None or action is Action.NOTHING:
        return None, []
    # A deletion that has failed has been allowed before.
    if protection.refuses_deletion(stack) and stack.status not in {
        *planning.NEVER_COMPLETED,
        "DELETE_FAILED",
    }:
        message = (
            f"{operations.environment.suffix} is protected: nothing is deleted. To lift that, with "
            "whatever else you deploy with, such as a bucket, run: "
            f"{operations.command('deploy')} --parameter DeletionProtection=disabled"
        )
        raise DeploymentError(message)
    if stack.status == "REVIEW_IN_PROGRESS":
        return stack, []
    client = operations.connection.cloudformation
    template = cloudformation.original_template(client, stack.arn)
    return stack, [
        Fate(
            logical_id=resource["LogicalResourceId"],
            resource_type=resource["ResourceType"],
            policy=_policy(template, resource["LogicalResourceId"], stack.parameters),
        )
        for resource in cloudformation.resources(client, stack)
    ]


def _policy(
    template: Mapping[str, Any] | None, logical_id: str, parameters: Mapping[str, str]
) -> str:
    """Return a resource's deletion policy, which may depend on a condition."""
    resources = template["Resources"] if template else {}
    policy = resources.get(logical_id, {}).get("DeletionPolicy", "Delete" if template else "")
    resolved = Resolver(template, parameters).value(policy) if template else policy
    # Not every condition can be decided that somebody else's template may have.
    return resolved if isinstance(resolved, str) else ""


def delete(operations: Operations, stack: Stack, *, force: bool) -> list[str]:
    """Delete a stack, try again where that fails, and return what is left, kept or by force.

    Raises:
        DeploymentError: when it could not be deleted.

    """
    client = operations.connection.cloudformation
    if stack.status == "REVIEW_IN_PROGRESS":
        # It has no resources, and so no events either.
        following.delete(operations.connection, stack, cloudformation.unique_name())
        return []
    outcome = _attempt(operations, stack, force=force and stack.status == "DELETE_FAILED")
    again = cloudformation.find_stack(client, stack.arn)
    if outcome.status == "DELETE_FAILED" and again is not None:
        operations.audience.say(
            f"{outcome.explanation()[0]}\n  what was still in use may be free by now: trying again"
        )
        outcome = _attempt(operations, again, force=force)
    if outcome.status == "DELETE_COMPLETE":
        skipped = (event for event in outcome.events if event.status == "DELETE_SKIPPED")
        return [f"{event.logical_id} ({event.physical_id})" for event in skipped]
    failed = [event for event in outcome.events if event.failed and not event.of_stack]
    lines = [
        f"{operations.environment.suffix} could not be deleted ({outcome.status})",
        *(f"{event.logical_id} ({event.resource_type}): {event.reason}" for event in failed),
        f"once that is mended, run: {operations.command('destroy')}",
        "or leave that behind, with --force",
    ]
    raise DeploymentError("\n  ".join(lines), ExitCode.STUCK)


def _attempt(operations: Operations, stack: Stack, *, force: bool) -> Outcome:
    """Try once to delete a stack, whatever protects what nobody has ever used."""
    connection = operations.connection
    client = connection.cloudformation
    resources = cloudformation.resources(client, stack)
    if stack.status in planning.NEVER_COMPLETED or not events.ever_completed(client, stack.arn):
        _lift_deletion_protection(connection, resources)
    return operations.follower.run(
        f"deleting {operations.environment.suffix}",
        stack,
        lambda token: following.delete(connection, stack, token, force=force),
        [resource["LogicalResourceId"] for resource in resources],
    )


def _lift_deletion_protection(
    connection: Connection, resources: Sequence[Mapping[str, Any]]
) -> None:
    """Let database and load balancer be deleted, where they are left of a creation that failed.

    A protected environment is created with its protection, which a roll-back cannot lift.
    """
    for resource in resources:
        name = resource.get("PhysicalResourceId", "")
        # One that is not there any more has nothing to lift; what else is wrong, deleting will say.
        with suppress(BotoCoreError, ClientError):
            match resource["ResourceType"]:
                case "AWS::RDS::DBInstance":
                    connection.rds.modify_db_instance(
                        DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                    )
                case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                    connection.elbv2.modify_load_balancer_attributes(
                        LoadBalancerArn=name,
                        Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
                    )


def cancel_update(operations: Operations) -> str:
    """Cancel the update that runs, follow its roll-back, and return the status it leads to.

    Raises:
        DeploymentError: when there is none, or it does not come to its end.

    """
    stack, _ = operations.until_ready(Wanted.CANCEL)
    if stack is None:
        return planning.ABSENT
    client = operations.connection.cloudformation
    outcome = operations.follower.run(
        f"cancelling the update of {operations.environment.suffix}",
        stack,
        lambda token: client.cancel_update_stack(StackName=stack.arn, ClientRequestToken=token),
    )
    if outcome.status not in {"UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        message = (
            f"the roll-back has failed ({outcome.status}); run: {operations.command('deploy')}"
        )
        raise DeploymentError(message, ExitCode.STUCK)
    return outcome.status
