"""Making a stack ready for a verb: what is in progress, failed or stuck is ended first."""

from collections.abc import Callable
from functools import partial

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation, planning
from .cloudformation import Stack
from .errors import DeploymentError
from .following import follow, run
from .observer import Operation, Question
from .operations import Operations
from .planning import Refusal, StackAction, Verb


def make_ready(
    operations: Operations, verb: Verb, *, express: bool = False
) -> tuple[Stack | None, StackAction]:
    """Return the stack and what to do with it, once nothing else must be done before."""
    look = operations.first_look
    while True:
        stack = look()
        look = operations.find_stack
        tags = stack.tags if stack else {}
        status = stack.status if stack else planning.ABSENT
        decision = planning.decide(
            status,
            tags,
            operations.environment.name,
            verb,
            express=express,
            without_rollback=stack is not None and stack.is_without_rollback,
        )
        if isinstance(decision, Refusal):
            raise operations.refused(decision, stack, verb)
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
        raise cloudformation.busy(stack)
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
        lambda token: cloudformation.delete_stack(operations.client, stack, token, operations.role),
    )


def _roll_back(operations: Operations, stack: Stack) -> None:
    """Roll back an update that failed halfway, or finish its failed rollback."""
    failed = [
        resource["LogicalResourceId"]
        for resource in cloudformation.list_resources(operations.client, stack)
        if resource["ResourceStatus"] == "UPDATE_FAILED"
    ]
    operations.notify(
        "rolling-back", status=stack.status, reason=stack.reason, resources=", ".join(failed)
    )
    if unknown := [name for name in operations.skipped if name not in failed]:
        message = f"{stack.name} ({stack.status}): nothing failed at {', '.join(unknown)}"
        raise DeploymentError(message, code="cannot-skip", resources=failed)
    if not operations.agreed and not operations.observer.confirm(
        Question.ROLL_BACK, operations.environment.suffix
    ):
        message = "nothing was rolled back"
        raise DeploymentError(message, code="declined", resources=failed)
    call = _rollback_call(operations, stack)
    outcome = run(
        operations, Operation.ROLL_BACK, stack, lambda token: call(ClientRequestToken=token)
    )
    if outcome.status != "UPDATE_ROLLBACK_COMPLETE":
        names = list(dict.fromkeys(event.logical_id for event in outcome.failures))
        options = " ".join(f"--skip {name}" for name in names)
        lines = [
            f"{stack.name} could not be rolled back ({outcome.status})",
            *outcome.explanation(),
            f"to leave these resources as they are, add: {options}",
            f"after fixing that, run:\n    {operations.command('deploy')}",
        ]
        raise DeploymentError(
            "\n  ".join(lines),
            ExitCode.STUCK,
            code="rollback-failed",
            resources=names,
            **outcome.details(),
        )


def _rollback_call(operations: Operations, stack: Stack) -> Callable[..., object]:
    """Return the call that rolls back, which takes a token.

    Skipped resources then differ from their template.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
    """
    client, request = operations.client, {"StackName": stack.arn, **operations.role}
    if stack.status == "UPDATE_FAILED":
        return partial(client.rollback_stack, RetainExceptOnCreate=True, **request)
    if operations.skipped:
        request["ResourcesToSkip"] = operations.skipped
    return partial(client.continue_update_rollback, **request)


def cancel_update(operations: Operations) -> str:
    """Cancel the update in progress, follow its rollback, and return the final stack status."""
    stack, _ = make_ready(operations, Verb.CANCEL)
    if stack is None:
        return planning.ABSENT
    client = operations.client
    outcome = run(
        operations,
        Operation.CANCEL_UPDATE,
        stack,
        lambda token: client.cancel_update_stack(StackName=stack.arn, ClientRequestToken=token),
    )
    if outcome.status not in {"UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        message = (
            f"the rollback failed ({outcome.status}); run:\n    {operations.command('deploy')}"
        )
        raise DeploymentError(message, ExitCode.STUCK, code="rollback-failed", **outcome.details())
    return outcome.status
