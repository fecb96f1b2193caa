"""What all verbs do to a stack: come to where it can be acted on, and follow what was begun."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from botocore.exceptions import ClientError

from . import cloudformation, events, planning
from .cloudformation import Stack
from .connection import Connection, Target
from .environments import Environment
from .errors import DeploymentError, ExitCode, explained
from .events import Event
from .planning import ENVIRONMENT_TAG, Action, Owner, Wanted


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


@dataclass(frozen=True)
class Outcome:
    """An operation that has come to its end."""

    events: Sequence[Event]
    stopped_tasks: Sequence[str]

    def explanation(self) -> list[str]:
        """Return what made it fail, in a line, and a line for each task that stopped."""
        cause = events.root_cause(self.events)
        if cause is None:
            return ["CloudFormation gives no cause: see the events"]
        return [
            f"{cause.logical_id} ({cause.resource_type}): {cause.reason or cause.status}",
            *(f"stopped task: {reason}" for reason in self.stopped_tasks),
        ]


@dataclass(frozen=True)
class Operations:
    """An environment, where it lives, and how somebody wants its operations followed.

    `wait` says whether operations of others are waited for, `timeout` for how many seconds an
    operation is followed, `on_interrupt` what Ctrl-C does (`cancel`, `leave`, or None: ask).
    """

    environment: Environment
    connection: Connection
    audience: Audience
    wait: bool
    timeout: float
    on_interrupt: str | None

    def command(self, verb: str) -> str:
        """Return the command that runs another verb for this environment."""
        name = self.environment.name
        local = " --target local" if self.connection.target is Target.LOCAL else ""
        region = f" --region {self.connection.region}"
        return f"iot-pipeline {verb} {f'{name!r}' if ' ' in name else name}{local}{region}"

    def find(self) -> Stack | None:
        """Return the environment's stack, whoever it belongs to."""
        return cloudformation.find_stack(
            self.connection.cloudformation, self.environment.stack_name
        )

    def find_own(self) -> Stack:
        """Return the environment's stack.

        Raises:
            DeploymentError: when there is none, or it is not this environment's.

        """
        stack = self.find()
        if stack is None:
            message = (
                f"there is no environment {self.environment.name!r} in {self.connection.region}; "
                "iot-pipeline list shows those that there are"
            )
            raise DeploymentError(message)
        self._refuse_other_owner(stack)
        return stack

    def until_ready(self, wanted: Wanted) -> tuple[Stack | None, Action]:
        """Return the stack and what to do about it, once nothing else has to be done before.

        Raises:
            DeploymentError: when it cannot be acted on.

        """
        done: set[Action] = set()
        while True:
            stack = self.find()
            decision = planning.decide(cloudformation.status_of(stack), self._owner(stack), wanted)
            if stack is None or decision.action not in {
                Action.CONTINUE_ROLLBACK,
                Action.RECREATE,
                Action.REFUSE,
                Action.WAIT,
            }:
                return stack, decision.action
            if decision.action in done:
                message = f"{stack.name} remains in {stack.status}: {stack.reason}"
                raise DeploymentError(message, ExitCode.STUCK)
            match decision.action:
                case Action.WAIT:
                    self._wait(stack)
                case Action.RECREATE:
                    self._remove_dead(stack)
                    done.add(decision.action)
                case Action.CONTINUE_ROLLBACK:
                    self._continue_rollback(stack)
                    done.add(decision.action)
                case Action.REFUSE:
                    raise DeploymentError(self._about(stack, decision.reason))

    def _owner(self, stack: Stack | None) -> Owner:
        if stack is None or (
            # Whose a stack is that has only been reviewed cannot be read off its tags yet.
            stack.status == "REVIEW_IN_PROGRESS" and ENVIRONMENT_TAG not in stack.tags
        ):
            return Owner.OURS
        return planning.owner_of(stack.tags, self.environment.name)

    def _refuse_other_owner(self, stack: Stack) -> None:
        if reason := planning.WHOSE.get(self._owner(stack)):
            raise DeploymentError(self._about(stack, reason))

    def _about(self, stack: Stack, reason: str) -> str:
        name = stack.tags.get(ENVIRONMENT_TAG, "")
        made_as = f", made as {name!r}" if name not in {"", self.environment.name} else ""
        return f"{stack.name} ({stack.status}{made_as}): {reason}"

    def _wait(self, stack: Stack) -> None:
        if not self.wait:
            message = self._about(stack, "another operation is in progress")
            raise DeploymentError(message)
        self.audience.say(f"{stack.name} is in {stack.status}: waiting for that to end")
        self.follow(stack.status, stack.arn)

    def _remove_dead(self, stack: Stack) -> None:
        client = self.connection.cloudformation
        if left := cloudformation.resources(client, stack):
            names = ", ".join(resource["LogicalResourceId"] for resource in left)
            reason = f"its creation has failed and left {names}: destroy it first"
            raise DeploymentError(self._about(stack, reason))
        self.audience.say(f"{stack.name} holds nothing since its creation failed: removing it")
        self.delete(stack)

    def _continue_rollback(self, stack: Stack) -> None:
        self.audience.say(f"{stack.name}: continuing the roll-back that failed ({stack.reason})")
        client = self.connection.cloudformation
        self.run(
            "continuing the roll-back",
            stack,
            lambda token: client.continue_update_rollback(
                StackName=stack.arn, ClientRequestToken=token
            ),
        )

    def delete(self, stack: Stack, *, force: bool = False) -> Outcome:
        """Delete a stack that may be deleted, by one attempt, and follow that to its end."""
        return self.run(
            f"deleting {self.environment.suffix}",
            stack,
            lambda token: self._begin_deletion(stack, token, force=force),
        )

    def _begin_deletion(self, stack: Stack, token: str, *, force: bool = False) -> None:
        client = self.connection.cloudformation
        if stack.termination_protection:
            client.update_termination_protection(
                StackName=stack.arn, EnableTerminationProtection=False
            )
        client.delete_stack(
            StackName=stack.arn,
            ClientRequestToken=token,
            DeletionMode="FORCE_DELETE_STACK" if force else "STANDARD",
        )

    def run(self, what: str, stack: Stack, act: Callable[[str], object]) -> Outcome:
        """Call what begins an operation on a stack, and follow that to its end.

        It is given a token, by which CloudFormation knows the same request sent twice.
        """
        client = self.connection.cloudformation
        newest = events.newest_id(client, stack.arn)
        try:
            act(cloudformation.unique_name())
        except ClientError:
            # It may have been carried out, its answer lost, and only the second attempt refused.
            if events.newest_id(client, stack.arn) == newest:
                raise
        return self.follow(what, stack.arn, after=newest)

    def follow(
        self,
        what: str,
        arn: str,
        *,
        after: str | None = None,
        logical_ids: Collection[str] = (),
        deletes_itself: bool = False,
    ) -> Outcome:
        """Follow an operation to its end, and do what is wanted when a person interrupts.

        `after` is the newest event before it; None stands for the operation that runs.

        Raises:
            DeploymentError: when the time is over, or the person leaves.

        """
        seen: list[Event] = []
        stopped_tasks: list[str] = []
        deadline = time.monotonic() + self.timeout

        def see(event: Event) -> None:
            seen.append(event)
            watch(event)
            # A task that has stopped is forgotten before long.
            if event.failed and event.resource_type == "AWS::ECS::Service":
                stopped_tasks.extend(events.stopped_tasks(self.connection, event.physical_id))

        while True:
            try:
                with self.limited(), self.audience.watching(what, logical_ids) as watch:
                    events.follow(
                        self.connection.cloudformation,
                        arn,
                        after=seen[-1].id if seen else after,
                        see=see,
                        timeout=deadline - time.monotonic(),
                        deletes_itself=deletes_itself,
                    )
                return Outcome(seen, stopped_tasks)
            except KeyboardInterrupt as interruption:
                self._interrupted(arn, asks=not isinstance(interruption, TerminatedError))

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Say in what follows within that the time is over.

        Raises:
            DeploymentError: when it is.

        """
        try:
            yield
        except TimeoutError:
            message = (
                f"gave up after {self.timeout:g} seconds, and CloudFormation goes on; attach to it "
                f"with: {self.command('events --follow')}"
            )
            raise DeploymentError(message, ExitCode.TIMED_OUT) from None

    def _interrupted(self, arn: str, *, asks: bool) -> None:
        """Cancel what runs, if that is wanted and possible; else leave.

        Raises:
            DeploymentError: when what runs is left.

        """
        client = self.connection.cloudformation
        stack = cloudformation.find_stack(client, arn)
        if stack is None or not stack.in_progress:
            return
        if stack.status == "CREATE_IN_PROGRESS" and self._cancels(
            "delete what there is", asks=asks
        ):
            self._begin_deletion(stack, cloudformation.unique_name())
        elif stack.status == "UPDATE_IN_PROGRESS" and self._cancels("cancel the update", asks=asks):
            try:
                client.cancel_update_stack(StackName=arn)
            except ClientError as error:
                self.audience.say(str(explained(error)))
        else:
            message = (
                f"interrupted; CloudFormation goes on ({stack.status}); attach to it with: "
                f"{self.command('events --follow')}"
            )
            raise DeploymentError(message, ExitCode.INTERRUPTED) from None

    def _cancels(self, way: str, *, asks: bool) -> bool:
        if not asks or self.on_interrupt is not None:
            return self.on_interrupt == "cancel"
        try:
            return self.audience.ask(f"Interrupted: {way}?")
        except KeyboardInterrupt:
            return False
