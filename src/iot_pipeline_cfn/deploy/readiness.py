"""Readiness: whatever must end, be removed or be rolled back before a verb can act on a stack."""

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation, planning
from .cloudformation import Stack
from .errors import DeploymentError
from .following import follow, run
from .observer import Operation
from .operations import Operations
from .planning import Refusal, StackAction, Verb


def make_ready(operations: Operations, verb: Verb) -> tuple[Stack | None, StackAction]:
    """Return the stack and what to do with it, once nothing else must be done before."""
    while True:
        stack = operations.find_stack()
        tags = stack.tags if stack else {}
        status = stack.status if stack else planning.ABSENT
        decision = planning.decide(status, tags, operations.environment.name, verb)
        if isinstance(decision, Refusal):
            raise operations.refused(decision, stack)
        if stack is None:
            return None, decision
        match decision:
            case StackAction.WAIT:
                _wait(operations, stack)
            case StackAction.RECREATE:
                _remove_failed_creation(operations, stack)
            case StackAction.ROLL_BACK:
                _roll_back(operations, stack)
            case _:
                return stack, decision


def _wait(operations: Operations, stack: Stack) -> None:
    if not operations.wait:
        message = f"{stack.name} ({stack.status}): another operation is in progress"
        raise DeploymentError(message, code="busy", stack=stack.name, status=stack.status)
    operations.notify("waiting", status=stack.status)
    follow(operations, Operation.OTHER, stack.arn, ours=False)


def _remove_failed_creation(operations: Operations, stack: Stack) -> None:
    if left := cloudformation.list_resources(operations.client, stack):
        names = [resource["LogicalResourceId"] for resource in left]
        message = (
            f"{stack.name} ({stack.status}): its creation failed and left {', '.join(names)}; "
            "destroy it first"
        )
        raise DeploymentError(message, code="resources-left", resources=names)
    operations.notify("removing-failed-creation", status=stack.status)
    run(
        operations,
        Operation.REMOVE_FAILED_CREATION,
        stack,
        lambda token: cloudformation.delete_stack(operations.client, stack, token),
    )


def _roll_back(operations: Operations, stack: Stack) -> None:
    """Roll back an update that failed halfway, or finish its failed rollback."""
    client = operations.client
    call = (
        client.rollback_stack
        if stack.status == "UPDATE_FAILED"
        else client.continue_update_rollback
    )
    operations.notify("rolling-back", status=stack.status, reason=stack.reason)
    outcome = run(
        operations,
        Operation.ROLL_BACK,
        stack,
        lambda token: call(StackName=stack.arn, ClientRequestToken=token),
    )
    if outcome.status != "UPDATE_ROLLBACK_COMPLETE":
        lines = [
            f"{stack.name} could not be rolled back ({outcome.status})",
            *outcome.explanation(),
            f"after fixing that, run: {operations.command('deploy')}",
        ]
        raise DeploymentError(
            "\n  ".join(lines), ExitCode.STUCK, code="rollback-failed", **outcome.details()
        )
