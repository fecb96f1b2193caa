"""What all verbs do first: find an environment's stack, and come to where it can be acted on."""

import shlex
import shutil
import sys
from dataclasses import dataclass

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation, planning
from .cloudformation import Stack
from .connection import Connection, Target
from .environments import Environment
from .errors import DeploymentError
from .following import Audience, Follower, delete
from .planning import ENVIRONMENT_TAG, Action, Owner, Wanted


@dataclass(frozen=True)
class Operations:
    """An environment, where it lives, and how what is done to it is followed.

    `wait` says whether operations of others are waited for.
    """

    environment: Environment
    connection: Connection
    audience: Audience
    follower: Follower
    wait: bool

    def command(self, verb: str) -> str:
        """Return the command that runs another verb for this environment."""
        return command(verb, self.environment.name, self.connection)

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
                "list shows those that there are"
            )
            raise DeploymentError(message)
        if reason := planning.WHOSE.get(self._owner(stack)):
            raise DeploymentError(self.about(stack, reason))
        return stack

    def until_ready(self, wanted: Wanted) -> tuple[Stack | None, Action]:
        """Return the stack and what to do about it, once nothing else has to be done before.

        Raises:
            DeploymentError: when it cannot be acted on.

        """
        while True:
            stack = self.find()
            decision = planning.decide(cloudformation.status_of(stack), self._owner(stack), wanted)
            if stack is None and decision.action is Action.REFUSE:
                raise DeploymentError(decision.reason)
            if stack is None:
                return stack, decision.action
            match decision.action:
                case Action.WAIT:
                    self._wait(stack)
                case Action.RECREATE:
                    self._remove_dead(stack)
                case Action.ROLL_BACK:
                    self._roll_back(stack)
                case Action.REFUSE:
                    raise DeploymentError(self.about(stack, decision.reason))
                case action:
                    return stack, action

    def about(self, stack: Stack, reason: str) -> str:
        """Return a reason together with the stack that it is about."""
        name = stack.tags.get(ENVIRONMENT_TAG, "")
        made_as = f", made as {name!r}" if name not in {"", self.environment.name} else ""
        return f"{stack.name} ({stack.status}{made_as}): {reason}"

    def _owner(self, stack: Stack | None) -> Owner:
        if stack is None or (
            # Whose a stack is that has only been reviewed cannot be read off its tags yet.
            stack.status == "REVIEW_IN_PROGRESS" and ENVIRONMENT_TAG not in stack.tags
        ):
            return Owner.OURS
        return planning.owner_of(stack.tags, self.environment.name)

    def _wait(self, stack: Stack) -> None:
        if not self.wait:
            message = self.about(stack, "another operation is in progress")
            raise DeploymentError(message)
        self.audience.say(f"{stack.name} is in {stack.status}: waiting for that to end")
        self.follower.follow(stack.status, stack.arn, ours=False)

    def _remove_dead(self, stack: Stack) -> None:
        if left := cloudformation.resources(self.connection.cloudformation, stack):
            names = ", ".join(resource["LogicalResourceId"] for resource in left)
            reason = f"its creation has failed and left {names}: destroy it first"
            raise DeploymentError(self.about(stack, reason))
        self.audience.say(f"{stack.name} holds nothing since its creation failed: removing it")
        self.follower.run(
            f"removing {self.environment.suffix}",
            stack,
            lambda token: delete(self.connection, stack, token),
        )

    def _roll_back(self, stack: Stack) -> None:
        """Bring an update that has failed halfway, or its roll-back, to its end."""
        client = self.connection.cloudformation
        call = (
            client.rollback_stack
            if stack.status == "UPDATE_FAILED"
            else client.continue_update_rollback
        )
        self.audience.say(f"{stack.name} is in {stack.status} ({stack.reason}): rolling it back")
        outcome = self.follower.run(
            f"rolling back {self.environment.suffix}",
            stack,
            lambda token: call(StackName=stack.arn, ClientRequestToken=token),
        )
        if outcome.status != "UPDATE_ROLLBACK_COMPLETE":
            lines = [
                f"{stack.name} could not be rolled back ({outcome.status})",
                *outcome.explanation(),
                f"once that is mended, run: {self.command('deploy')}",
            ]
            raise DeploymentError("\n  ".join(lines), ExitCode.STUCK)


def command(verb: str, name: str, connection: Connection) -> str:
    """Return the command that runs a verb for an environment of a name where it lives."""
    local = " --target local" if connection.target is Target.LOCAL else ""
    shown = f" {shlex.quote(name)}"
    program = "iot-pipeline" if shutil.which("iot-pipeline") else sys.argv[0]
    return f"{program} {verb}{shown}{local} --region {connection.region}"
