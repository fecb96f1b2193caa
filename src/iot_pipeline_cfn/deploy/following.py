"""Beginning an operation on a stack, and following it to its end or to an interruption.

`make_ready` ends, removes or rolls back whatever keeps a verb from acting on a stack.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Value

from . import cloudformation, events, planning
from .cloudformation import Stack
from .errors import DeploymentError, explained
from .events import Event
from .observer import Operation, Question
from .operations import Operations
from .planning import Refusal, StackAction, Verb, exit_code_of, failure_mode

BEGUN: Final = frozenset(
    {"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}
)
"""The statuses of a stack after it was told to be deleted, cancelled or rolled back."""


class TerminatedError(KeyboardInterrupt):
    """The process was told to end, so the user cannot be asked."""


@dataclass
class OperationOutcome:
    """The events of an operation and, once it has ended, the status of the stack."""

    events: list[Event] = field(default_factory=list)
    stopped_tasks: list[str] = field(default_factory=list)
    status: str = ""
    cancelled: bool = False

    @property
    def failures(self) -> list[Event]:
        """The resources that failed by themselves."""
        return [event for event in self.events if event.failed and not event.of_stack]

    def explanation(self) -> list[str]:
        """Return the lines of an error message: the root cause, a remedy, and stopped tasks."""
        cause = events.root_cause(self.events)
        if cause is None:
            return ["it was cancelled" if self.cancelled else "CloudFormation names no cause"]
        reason = cause.reason or cause.status
        lines = [f"{cause.logical_id} ({cause.resource_type}): {reason}"]
        if permission := events.missing_permission(reason):
            lines.append(permission.remedy())
        return [*lines, *(f"stopped task: {task}" for task in self.stopped_tasks)]

    def details(self) -> dict[str, Value]:
        """Return the facts of a failure."""
        cause = events.root_cause(self.events)
        return {
            "status": self.status,
            "cancelled": self.cancelled,
            "cause": cause and cause.as_data(),
            "stopped_tasks": self.stopped_tasks,
        }


def run(
    operations: Operations,
    operation: Operation,
    stack: Stack,
    begin: Callable[[str], object],
    logical_ids: Collection[str] = (),
) -> OperationOutcome:
    """Begin an operation on a stack, and follow it to its end.

    `begin` gets a token by which CloudFormation recognises a request that is sent twice.
    """
    client = operations.client
    newest = events.newest_id(client, stack.arn)
    token = cloudformation.unique_name()
    try:
        begin(token)
    except ClientError:
        # The first attempt may have been carried out, its answer lost, and the second refused.
        since = events.since(client, stack.arn, newest)
        if not any(
            event.token == token or (event.of_stack and event.status in BEGUN) for event in since
        ):
            raise
    return follow(operations, operation, stack.arn, after=newest, logical_ids=logical_ids)


def follow(
    operations: Operations,
    operation: Operation,
    arn: str,
    *,
    after: str | None = None,
    logical_ids: Collection[str] = (),
    deletes_itself: bool = False,
    ours: bool = True,
) -> OperationOutcome:
    """Follow an operation to its end, and handle interruptions by the user.

    The operation follows the event `after`; without one, it is the operation in progress. A failed
    creation that `deletes_itself` is followed by its deletion. An operation that is not `ours`,
    because another process began it, is never cancelled.
    """
    outcome = OperationOutcome()
    deadline = time.monotonic() + operations.timeout
    suffix = operations.environment.suffix

    def see(event: Event) -> None:
        outcome.events.append(event)
        show(event)
        # ECS forgets a stopped task before long.
        if event.failed and event.resource_type == "AWS::ECS::Service":
            outcome.stopped_tasks += events.stopped_tasks(operations.connection, event.physical_id)

    while not outcome.status:
        try:
            with (
                limited(operations),
                operations.observer.watch(operation, suffix, logical_ids) as show,
            ):
                outcome.status = events.follow(
                    operations.client,
                    arn,
                    after=outcome.events[-1].id if outcome.events else after,
                    see=see,
                    timeout=deadline - time.monotonic(),
                    deletes_itself=deletes_itself,
                )
        except KeyboardInterrupt as interruption:
            if isinstance(interruption, TerminatedError) or outcome.cancelled or not ours:
                raise _left(operations) from None
            outcome.status = _cancel(operations, arn)
            outcome.cancelled = not outcome.status
    return outcome


@contextmanager
def limited(operations: Operations, what: str = "") -> Iterator[None]:
    """Turn a timeout into an error; by default it is about an operation, which goes on."""
    try:
        yield
    except TimeoutError:
        attach = operations.command("events --follow")
        what = what or f"CloudFormation, which goes on; follow it with: {attach}"
        message = f"gave up after {operations.timeout:g} seconds waiting for {what}"
        raise DeploymentError(message, ExitCode.TIMED_OUT, code="timed-out") from None


def follow_current(operations: Operations, see: Callable[[Event], None]) -> None:
    """Follow the operation in progress, or the last one, to its end."""
    stack = operations.require_stack()
    creates = stack.status in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}
    with limited(operations):
        status = events.follow(
            operations.client,
            stack.arn,
            after=None,
            see=see,
            timeout=operations.timeout,
            deletes_itself=creates and failure_mode(stack.parameters) == "DELETE",
        )
    gone = creates and status == "DELETE_COMPLETE"
    if exit_code := ExitCode.ROLLED_BACK if gone else exit_code_of(status):
        message = f"{operations.environment.suffix} ended in {status}"
        raise DeploymentError(message, exit_code, code="operation-failed", status=status)


def _left(operations: Operations) -> DeploymentError:
    attach = operations.command("events --follow")
    message = f"interrupted; CloudFormation goes on; follow it with: {attach}"
    return DeploymentError(message, ExitCode.INTERRUPTED, code="interrupted")


def _cancel(operations: Operations, arn: str) -> str:
    """Cancel the operation if the user agrees; return the stack's status if it has ended."""
    client = operations.client
    stack = cloudformation.find_stack(client, arn)
    if stack is None or not stack.in_progress:
        return stack.status if stack else "DELETE_COMPLETE"
    try:
        if stack.status == "CREATE_IN_PROGRESS" and _agrees(operations, Question.DELETE_CREATION):
            cloudformation.delete_stack(
                client, stack, cloudformation.unique_name(), operations.role
            )
        elif stack.status == "UPDATE_IN_PROGRESS" and _agrees(operations, Question.CANCEL_UPDATE):
            client.cancel_update_stack(StackName=arn)
        else:
            raise _left(operations) from None
    except ClientError as error:
        operations.notify("not-cancelled", reason=str(explained(error)))
    return ""


def _agrees(operations: Operations, question: Question) -> bool:
    if operations.on_interrupt is not None:
        return operations.on_interrupt == "cancel"
    try:
        return operations.observer.confirm(question, operations.environment.suffix)
    except KeyboardInterrupt:
        return False


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
        lambda token: cloudformation.delete_stack(operations.client, stack, token, operations.role),
    )


def _roll_back(operations: Operations, stack: Stack) -> None:
    """Roll back an update that failed halfway, or finish its failed rollback."""
    client = operations.client
    call = (
        partial(client.rollback_stack, RetainExceptOnCreate=True)
        if stack.status == "UPDATE_FAILED"
        else client.continue_update_rollback
    )
    operations.notify("rolling-back", status=stack.status, reason=stack.reason)
    outcome = run(
        operations,
        Operation.ROLL_BACK,
        stack,
        lambda token: call(StackName=stack.arn, ClientRequestToken=token, **operations.role),
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
        message = f"the rollback failed ({outcome.status}); run: {operations.command('deploy')}"
        raise DeploymentError(message, ExitCode.STUCK, code="rollback-failed", **outcome.details())
    return outcome.status
