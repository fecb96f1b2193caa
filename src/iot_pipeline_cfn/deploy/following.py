"""Beginning an operation on a stack, and following it while a person watches, and interrupts."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation, events
from .cloudformation import Stack
from .connection import Connection
from .errors import DeploymentError, explained
from .events import Event

BEGUN: Final = frozenset(
    {"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}
)
"""What a stack is in once it was told to be deleted, cancelled or rolled back."""


class Audience(Protocol):
    """Who is told what a verb does, and asked what it cannot know."""

    def say(self, message: str) -> None:
        """Tell a person something."""

    def ask(self, question: str) -> bool:
        """Return whether a person agrees; nobody does where there is nobody.

        Raises:
            KeyboardInterrupt: when the person has had enough.

        """

    def watching(
        self, what: str, logical_ids: Collection[str]
    ) -> AbstractContextManager[Callable[[Event], None]]:
        """Show an operation on resources, as far as they are known, by what is told of it."""


class TerminatedError(KeyboardInterrupt):
    """The process was told to end: there is nobody left to ask."""


@dataclass
class Outcome:
    """An operation, and once it has come to its end, the status that it led to."""

    events: list[Event] = field(default_factory=list)
    stopped_tasks: list[str] = field(default_factory=list)
    status: str = ""
    cancelled: bool = False

    def explanation(self) -> list[str]:
        """Return what made it fail, what that takes, and why each task stopped, in a line each."""
        cause = events.root_cause(self.events)
        if cause:
            tasks = (f"stopped task: {reason}" for reason in self.stopped_tasks)
            reason = cause.reason or cause.status
            way = events.missing_permission(reason)
            lines = [f"{cause.logical_id} ({cause.resource_type}): {reason}", way, *tasks]
            return [line for line in lines if line]
        return ["it was cancelled" if self.cancelled else "CloudFormation gives no cause"]


@dataclass(frozen=True)
class Follower:
    """How somebody wants operations followed.

    `timeout` is for how many seconds, `on_interrupt` what Ctrl-C does (`cancel`, `leave`, or None:
    ask), and `attach` the command that follows an operation which was left.
    """

    connection: Connection
    audience: Audience
    timeout: float
    on_interrupt: str | None
    attach: str

    def run(
        self,
        what: str,
        stack: Stack,
        act: Callable[[str], object],
        logical_ids: Collection[str] = (),
    ) -> Outcome:
        """Call what begins an operation on a stack, and follow that to its end.

        It is given a token, by which CloudFormation knows the same request sent twice.
        """
        client = self.connection.cloudformation
        newest = events.newest_id(client, stack.arn)
        token = cloudformation.unique_name()
        try:
            act(token)
        except ClientError:
            # It may have been carried out, its answer lost, and only the second attempt refused.
            since = events.since(client, stack.arn, newest)
            if not any(
                event.token == token or (event.of_stack and event.status in BEGUN)
                for event in since
            ):
                raise
        return self.follow(what, stack.arn, after=newest, logical_ids=logical_ids)

    def follow(
        self,
        what: str,
        arn: str,
        *,
        after: str | None = None,
        logical_ids: Collection[str] = (),
        deletes_itself: bool = False,
        ours: bool = True,
    ) -> Outcome:
        """Follow an operation to its end, and do what is wanted when a person interrupts.

        Args:
            what: The operation, for whoever watches.
            arn: The stack.
            after: The newest event before it; None stands for the operation that runs.
            logical_ids: The resources that it is about, as far as they are known.
            deletes_itself: Whether a failed creation is not the end, since its deletion follows.
            ours: Whether it may be cancelled: nobody cancels what somebody else has begun.

        Raises:
            DeploymentError: when the time is over, or the person leaves.

        """
        outcome = Outcome()
        deadline = time.monotonic() + self.timeout

        def see(event: Event) -> None:
            outcome.events.append(event)
            watch(event)
            # A task that has stopped is forgotten before long.
            if event.failed and event.resource_type == "AWS::ECS::Service":
                outcome.stopped_tasks += events.stopped_tasks(self.connection, event.physical_id)

        while not outcome.status:
            try:
                with self.limited(), self.audience.watching(what, logical_ids) as watch:
                    outcome.status = events.follow(
                        self.connection.cloudformation,
                        arn,
                        after=outcome.events[-1].id if outcome.events else after,
                        see=see,
                        timeout=deadline - time.monotonic(),
                        deletes_itself=deletes_itself,
                    )
            except KeyboardInterrupt as interruption:
                if isinstance(interruption, TerminatedError) or outcome.cancelled or not ours:
                    raise self._left() from None
                outcome.status = self._cancel(arn)
                outcome.cancelled = not outcome.status
        return outcome

    @contextmanager
    def limited(self, what: str = "") -> Iterator[None]:
        """Say that the time is over, and for what: by default an operation, which goes on.

        Raises:
            DeploymentError: when it is.

        """
        try:
            yield
        except TimeoutError:
            what = what or f"CloudFormation, which goes on; attach to it with: {self.attach}"
            message = f"gave up after {self.timeout:g} seconds waiting for {what}"
            raise DeploymentError(message, ExitCode.TIMED_OUT) from None

    def _left(self) -> DeploymentError:
        message = f"interrupted; CloudFormation goes on; attach to it with: {self.attach}"
        return DeploymentError(message, ExitCode.INTERRUPTED)

    def _cancel(self, arn: str) -> str:
        """Cancel what runs, if that is wanted and possible; return the status if nothing does.

        Raises:
            DeploymentError: when what runs is left.

        """
        client = self.connection.cloudformation
        stack = cloudformation.find_stack(client, arn)
        if stack is None or not stack.in_progress:
            return stack.status if stack else "DELETE_COMPLETE"
        try:
            if stack.status == "CREATE_IN_PROGRESS" and self._agrees("delete what there is"):
                delete(self.connection, stack, cloudformation.unique_name())
            elif stack.status == "UPDATE_IN_PROGRESS" and self._agrees("cancel the update"):
                client.cancel_update_stack(StackName=arn)
            else:
                raise self._left() from None
        except ClientError as error:
            self.audience.say(str(explained(error)))
        return ""

    def _agrees(self, way: str) -> bool:
        if self.on_interrupt is not None:
            return self.on_interrupt == "cancel"
        try:
            return self.audience.ask(f"Interrupted: {way}?")
        except KeyboardInterrupt:
            return False


def delete(connection: Connection, stack: Stack, token: str, *, force: bool = False) -> None:
    """Tell CloudFormation to delete a stack that may be deleted, whatever protects it."""
    client = connection.cloudformation
    if stack.termination_protection:
        client.update_termination_protection(StackName=stack.arn, EnableTerminationProtection=False)
    client.delete_stack(
        StackName=stack.arn,
        ClientRequestToken=token,
        DeletionMode="FORCE_DELETE_STACK" if force else "STANDARD",
    )
