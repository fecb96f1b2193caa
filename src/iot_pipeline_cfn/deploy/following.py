"""Beginning an operation on a stack, and following it to its end or to an interruption."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Value

from . import cloudformation, events
from .cloudformation import Stack
from .errors import DeploymentError, explained
from .events import Event
from .observer import Operation, Question
from .operations import Operations
from .planning import exit_code_of, is_ephemeral

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
            "failures": [event.as_data() for event in self.failures],
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
    return follow(
        operations, operation, stack.arn, after=newest, token=token, logical_ids=logical_ids
    )


def follow(
    operations: Operations,
    operation: Operation,
    arn: str,
    *,
    after: str | None = None,
    token: str = "",
    logical_ids: Collection[str] = (),
    deletes_itself: bool = False,
    ours: bool = True,
) -> OperationOutcome:
    """Follow an operation to its end, and handle interruptions by the user.

    The operation follows the event `after` and was requested with a token; without these, it is the
    operation in progress. A failed creation that `deletes_itself` is followed by its deletion. An
    operation that is not `ours`, because another process began it, is never cancelled.
    """
    outcome = OperationOutcome()
    events_of = events.OperationFilter(token, has_begun=after is None)
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
                    operation=events_of,
                    see=see,
                    report_outage=operations.report_outage,
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
        what = what or f"CloudFormation, which goes on; follow it with:\n    {attach}"
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
            operation=events.OperationFilter(has_begun=True),
            see=see,
            report_outage=operations.report_outage,
            timeout=operations.timeout,
            deletes_itself=creates and is_ephemeral(stack.parameters) and not stack.is_express,
        )
    gone = creates and status == "DELETE_COMPLETE"
    if exit_code := ExitCode.ROLLED_BACK if gone else exit_code_of(status):
        message = f"{operations.environment.suffix} ended in {status}"
        raise DeploymentError(message, exit_code, code="operation-failed", status=status)


def _left(operations: Operations) -> DeploymentError:
    attach = operations.command("events --follow")
    message = f"interrupted; CloudFormation goes on; follow it with:\n    {attach}"
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
