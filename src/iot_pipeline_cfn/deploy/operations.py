"""The environment, the connection and the observer of a command."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.findings import Finding, Severity, Value
from iot_pipeline_cfn.template.parameters import ParameterFile

from . import cloudformation, planning
from .cloudformation import Stack
from .concurrency import both
from .connection import Connection
from .environments import Environment
from .errors import DeploymentError
from .location import Location, locate, require_location
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
    file: ParameterFile | None = None
    """The parameter file, if there is one, whose account and Region are the only ones allowed."""
    agreed: bool = False
    """Whether the user has agreed beforehand, and is not asked."""
    skipped: Sequence[str] = ()
    """The logical IDs of resources that a stuck rollback leaves as they are."""
    role_arn: str | None = None
    """The service role that CloudFormation acts as; without one, it acts as before."""

    described: tuple[Stack | None] | None = None
    """The stack as it was described a moment ago, which saves the first look at it."""

    @property
    def client(self) -> "CloudFormationClient":
        """The client of CloudFormation."""
        return self.connection.cloudformation

    @property
    def role(self) -> dict[str, Any]:
        """The argument of the calls that take a service role."""
        return {"RoleARN": self.role_arn} if self.role_arn else {}

    def command(self, verb: str) -> str:
        """Return the command that runs a verb for this environment, for a shell."""
        return shlex.join(command_line(verb, self.connection, self.environment.name))

    def notify(self, code: str, **details: Value) -> None:
        """Notify the observer of a step."""
        self.observer.notify(Finding(code, Severity.NOTE, self.environment.stack_name, details))

    @cached_property
    def location(self) -> Location:
        """The account and the Region, which the observer is shown and the file must allow."""
        found = locate(self.connection, self.environment.stack_name, self.role_arn or "")
        self.observer.show_location(found)
        require_location(found, self.file)
        return found

    def report_outage(self, error: Exception) -> None:
        """Notify the observer that AWS does not answer, while an operation may go on."""
        self.notify("outage", reason=" ".join(str(error).split()))

    def find_stack(self) -> Stack | None:
        """Return the stack of the environment's name, which another tool may have created.

        It is the first call of every verb, so the location is known before anything is done.
        """
        stack, _ = both(self.describe, lambda: self.location)
        return stack

    def describe(self) -> Stack | None:
        """Describe the stack, before the location is known."""
        return cloudformation.find_stack(self.client, self.environment.stack_name)

    def first_look(self) -> Stack | None:
        """Return the stack as it was `described`, or else as it is now."""
        if self.described is None:
            return self.find_stack()
        _ = self.location
        return self.described[0]

    def require_stack(self, *, also_deleted: bool = False) -> Stack:
        """Return the environment's stack, which must exist, by any name that has its suffix.

        `also_deleted` accepts the last stack that is deleted, whose events can still be read.
        """
        stack = self.find_stack()
        if stack is None and also_deleted:
            stack = cloudformation.find_deleted_stack(self.client, self.environment.stack_name)
        if stack is None:
            raise self.refused(Refusal.ABSENT)
        name = stack.tags.get(ENVIRONMENT_TAG, self.environment.name)
        refusal = planning.refuse_ownership(stack.status, stack.tags, name)
        if refusal:
            raise self.refused(refusal, stack)
        return stack

    def refused(
        self, refusal: Refusal, stack: Stack | None = None, verb: str = ""
    ) -> DeploymentError:
        """Return the error of a refusal, with the stack that it is about and the verb."""
        name = (stack and stack.tags.get(ENVIRONMENT_TAG)) or self.environment.name
        lines = {
            each: command_line(each, self.connection, name)
            for each in ("deploy", "destroy", "status", verb)
        } | {
            "events": command_line("events --follow", self.connection, name),
            "list": command_line("list", self.connection),
        }
        commands = {each: shlex.join(line) for each, line in lines.items()}
        reason = REASONS[refusal].format(
            **commands, command=commands[verb], name=name, quoted=shlex.quote(name)
        )
        if stack is None:
            account, region = self.location.account, self.location.region
            place = "the local AWS emulator" if self.connection.is_local else account
            message = f"{name!r} in {place}, {region}: {reason}"
            return DeploymentError(message, code=refusal, account=account, region=region)
        return DeploymentError(
            f"{stack.name} ({stack.status}): {reason}",
            code=refusal,
            stack=stack.name,
            status=stack.status,
            created_as=stack.tags.get(ENVIRONMENT_TAG, ""),
        )


def command_line(verb: str, connection: Connection, *names: str) -> list[str]:
    """Return the arguments that run a verb, such as `events --follow`, for environments."""
    program = "iot-pipeline" if shutil.which("iot-pipeline") else sys.argv[0]
    target = ["--target", "local"] if connection.is_local else []
    profile = ["--profile", connection.profile] if connection.profile else []
    return [program, *verb.split(), *names, *target, "--region", connection.region, *profile]
