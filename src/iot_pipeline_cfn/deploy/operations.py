"""The environment, the connection and the observer of a command."""

import shlex
import shutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iot_pipeline_cfn.template.findings import Finding, Severity, Value

from . import cloudformation, planning
from .cloudformation import Stack
from .connection import Connection
from .environments import Environment
from .errors import DeploymentError
from .observer import Observer
from .planning import ENVIRONMENT_TAG, REASONS, Refusal

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Operations:
    """An environment, the connection to it, and how operations on it are followed."""

    environment: Environment
    connection: Connection
    observer: Observer = field(default_factory=Observer)
    timeout: float = 3600
    """Seconds."""
    on_interrupt: str | None = None
    """What an interruption does, `cancel` or `leave`; None asks the observer."""
    wait: bool = True
    """Whether to wait for an operation of another process."""

    @property
    def client(self) -> "CloudFormationClient":
        """The client of CloudFormation."""
        return self.connection.cloudformation

    def command(self, verb: str) -> str:
        """Return the command that runs a verb for this environment, for a shell."""
        return shlex.join(command_line(verb, self.environment.name, self.connection))

    def notify(self, code: str, **details: Value) -> None:
        """Notify the observer of a step."""
        self.observer.notify(Finding(code, Severity.NOTE, self.environment.stack_name, details))

    def find_stack(self) -> Stack | None:
        """Return the stack of the environment's name, which another tool may have created."""
        return cloudformation.find_stack(self.client, self.environment.stack_name)

    def require_stack(self) -> Stack:
        """Return the environment's stack, which must exist and belong to it."""
        stack = self.find_stack()
        if stack is None:
            message = (
                f"there is no environment {self.environment.name!r} in {self.connection.region}; "
                "list shows the existing ones"
            )
            raise DeploymentError(message, code=Refusal.ABSENT)
        refusal = planning.refuse_ownership(stack.status, stack.tags, self.environment.name)
        if refusal:
            raise self.refused(refusal, stack)
        return stack

    def refused(self, refusal: Refusal, stack: Stack | None = None) -> DeploymentError:
        """Return the error of a refusal, with the stack that it is about."""
        if stack is None:
            return DeploymentError(REASONS[refusal], code=refusal)
        name = stack.tags.get(ENVIRONMENT_TAG, "")
        created_as = f", created as {name!r}" if name not in {"", self.environment.name} else ""
        return DeploymentError(
            f"{stack.name} ({stack.status}{created_as}): {REASONS[refusal]}",
            code=refusal,
            stack=stack.name,
            status=stack.status,
            created_as=name,
        )


def command_line(verb: str, name: str, connection: Connection) -> list[str]:
    """Return the arguments that run a verb, such as `events --follow`, for an environment."""
    program = "iot-pipeline" if shutil.which("iot-pipeline") else sys.argv[0]
    target = ["--target", "local"] if connection.is_local else []
    return [program, *verb.split(), name, *target, "--region", connection.region]
