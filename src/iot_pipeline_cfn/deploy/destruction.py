"""Taking an environment down, or an update back: what the verbs destroy and cancel do."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.parameters import holds

from . import cloudformation, planning
from .cloudformation import Stack
from .errors import DeploymentError, ExitCode
from .operations import Operations
from .planning import Action, Wanted


@dataclass(frozen=True)
class Fate:
    """What becomes of a resource when its stack is deleted."""

    logical_id: str
    resource_type: str
    physical_id: str
    policy: str

    @property
    def what(self) -> str:
        """Return it in words."""
        words = {
            "Retain": "is kept",
            "RetainExceptOnCreate": "is kept",
            "Snapshot": "is deleted; a final snapshot is kept",
        }
        return words.get(self.policy, "is deleted")


def doomed(operations: Operations) -> tuple[Stack | None, Sequence[Fate]]:
    """Return the stack to delete, if there is one, and what becomes of its resources.

    Raises:
        DeploymentError: when it must not be deleted.

    """
    stack, action = operations.until_ready(Wanted.DESTROY)
    if stack is None or action is Action.NOTHING:
        return None, []
    protected = stack.termination_protection or planning.is_protected(stack.parameters)
    if protected and stack.status not in planning.NEVER_COMPLETED:
        message = (
            f"{operations.environment.suffix} is protected: nothing is deleted. To lift that, run: "
            f"{operations.command('deploy')} --parameter DeletionProtection=disabled"
        )
        raise DeploymentError(message)
    client = operations.connection.cloudformation
    if stack.status == "REVIEW_IN_PROGRESS":
        return stack, []
    template = cloudformation.original_template(client, stack.arn)
    return stack, [
        Fate(
            logical_id=resource["LogicalResourceId"],
            resource_type=resource["ResourceType"],
            physical_id=resource.get("PhysicalResourceId", ""),
            policy=_policy(template, resource["LogicalResourceId"], stack.parameters),
        )
        for resource in cloudformation.resources(client, stack)
    ]


def _policy(template: Mapping[str, Any], logical_id: str, parameters: Mapping[str, str]) -> str:
    """Return a resource's deletion policy, which may depend on a condition."""
    match template["Resources"].get(logical_id, {}).get("DeletionPolicy", "Delete"):
        case {"Fn::If": [name, yes, no]}:
            chosen = yes if holds(template["Conditions"][name], parameters) else no
            return str(chosen)
        case policy:
            return str(policy)


def delete(operations: Operations, stack: Stack, *, force: bool) -> None:
    """Delete a stack, try again where that fails, and say what holds it if that fails too.

    Raises:
        DeploymentError: when it could not be deleted.

    """
    if stack.status in planning.NEVER_COMPLETED:
        _lift_deletion_protection(operations, stack)
    outcome = operations.delete(stack)
    left = cloudformation.find_stack(operations.connection.cloudformation, stack.arn)
    if left is not None and left.status == "DELETE_FAILED":
        operations.audience.say(
            f"{outcome.explanation()[0]}\n  what still was in use may be free by now: trying again"
        )
        outcome = operations.delete(left, force=force)
        left = cloudformation.find_stack(operations.connection.cloudformation, stack.arn)
    if left is None or left.status == "DELETE_COMPLETE":
        return
    failed = [event for event in outcome.events if event.failed and not event.of_stack]
    lines = [
        f"{operations.environment.suffix} could not be deleted ({left.status})",
        *(f"{event.logical_id} ({event.resource_type}): {event.reason}" for event in failed),
        f"once that is mended, run: {operations.command('destroy')}",
        "or leave that behind, with --force",
    ]
    raise DeploymentError("\n  ".join(lines), ExitCode.STUCK)


def _lift_deletion_protection(operations: Operations, stack: Stack) -> None:
    """Let database and load balancer be deleted, where they are left of a creation that failed.

    A protected environment is created with its protection, which a roll-back cannot lift.
    """
    connection = operations.connection
    for resource in cloudformation.resources(connection.cloudformation, stack):
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
        stack = operations.find_own()
    client = operations.connection.cloudformation
    operations.run(
        f"cancelling the update of {operations.environment.suffix}",
        stack,
        lambda token: client.cancel_update_stack(StackName=stack.arn, ClientRequestToken=token),
    )
    status = cloudformation.status_of(cloudformation.find_stack(client, stack.arn))
    if status not in {"UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        message = f"the roll-back has failed ({status}); run: {operations.command('deploy')}"
        raise DeploymentError(message, ExitCode.STUCK)
    return status
