"""Bringing an environment up or up to date: what the verbs plan and deploy do.

A change set is made, shown, and then executed or removed. Whatever happens between, it is removed
unless its execution has begun.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.changes import ResourceChange
from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import (
    SUFFIX_PARAMETER,
    ParameterFile,
    ParameterSet,
)

from . import cloudformation, events, planning, protection
from .changes import change_data
from .cloudformation import ChangeSet, Stack, ValidationFinding
from .connection import Connection
from .errors import DeploymentError, is_gone, message_of
from .following import Outcome
from .operations import Operations
from .planning import Action, ChangeSetState, Wanted
from .preflight import name_taken
from .preflight.checking import Subject

OWNER_TAG: Final = "iot-pipeline:owner"
KEY_PREFIX: Final = "iot-pipeline"

DISCARD_SECONDS: Final = 60.0
"""So long a change set is waited for that is to be removed."""

ALLOW_ALL: Final = (
    '{"Statement":[{"Action":"Update:*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
)
"""What a stack without a policy allows; one that has had a policy cannot be without one again."""

ZONES_WITHOUT_NAT_GATEWAYS: Final = ("apne1-az3",)
"""By their ids, which are the same in every account; NAT gateways are not offered there."""


@dataclass(frozen=True)
class Wish:
    """What an environment shall become.

    `parameters` are those of the command line, which go before those of the file. `owner` is who
    has it made; an environment that exists keeps its own.
    """

    template: Mapping[str, Any]
    file: ParameterFile
    parameters: Mapping[str, str]
    owner: str
    bucket: str | None

    @cached_property
    def body(self) -> str:
        """The template as it is sent: without white space, which counts too."""
        return json.dumps(self.template, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Content:
    """What is asked of an environment, worked out from what is wished and what is there."""

    template: str
    parameters: Mapping[str, str]
    """The value that each one is going to have."""
    sent: Mapping[str, str | None]
    tags: Mapping[str, str]


@dataclass
class Proposal:
    """A change set that could be executed, or says that there is nothing to do.

    `protects` and `executed` are set once that has been done.
    """

    action: Action
    stack: Stack
    change_set: ChangeSet
    content: Content
    stack_policy: Mapping[str, Any] | None
    warnings: Sequence[ValidationFinding]
    settings: Sequence[str]
    """What changes besides, in no change set: the stack's policy and its protection."""
    creates: bool
    protects: bool = False
    executed: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.change_set.state is ChangeSetState.EMPTY

    @property
    def changes(self) -> Sequence[ResourceChange]:
        """What it would do to resources; it can change outputs alone."""
        return self.change_set.changes

    def as_data(self) -> dict[str, Any]:
        """Return all that a review of it depends on, as data for JSON."""
        updated = self.stack.updated or self.stack.created
        changes = [change_data(change) for change in self.changes]
        return {
            "stack": None if self.creates else self.stack.arn,
            "lastUpdated": None if self.creates else updated.isoformat(),
            "template": _hash(self.content.template),
            "parameters": dict(self.content.parameters),
            "tags": {key: self.content.tags[key] for key in self.content.tags if key != OWNER_TAG},
            "stackPolicy": self.stack_policy,
            "changes": sorted(changes, key=itemgetter("logical_id")),
        }

    def refuse_moved(self, reviewed: Mapping[str, Any]) -> None:
        """Refuse to go on unless all is still as it was when it was reviewed.

        Raises:
            DeploymentError: when something has moved; it says what.

        """
        now = self.as_data()
        if moved := [name for name in now if now[name] != reviewed.get(name)]:
            message = (
                f"since the review these are not the same any more: {', '.join(moved)}; "
                "plan and review again"
            )
            raise DeploymentError(message)


@contextmanager
def proposed(operations: Operations, wish: Wish, wanted: Wanted) -> Iterator[Proposal]:
    """Make a change set, and remove it in the end unless its execution has begun.

    Raises:
        DeploymentError: when the environment cannot be changed, or not so.

    """
    bucket = _bucket(operations.connection, wish)
    try:
        asked = _asked(operations, wish, wanted, bucket)
    except ClientError as error:
        # Somebody else was quicker: wait for that too.
        if "_IN_PROGRESS" not in message_of(error):
            raise
        asked = _asked(operations, wish, wanted, bucket)
    stack, content, arn, stack_arn = asked
    proposal = None
    try:
        change_set = _worked_out(operations, arn)
        made_for = cloudformation.find_stack(operations.connection.cloudformation, stack_arn)
        decision = planning.decide(
            cloudformation.status_of(made_for), planning.Owner.OURS, wanted, change_set.state
        )
        if made_for is None:
            raise cloudformation.overtaken()
        if decision.action is Action.REFUSE:
            raise _refused(operations, wish, content, change_set, decision.reason)
        proposal = Proposal(
            action=decision.action,
            stack=made_for,
            change_set=change_set,
            content=content,
            stack_policy=wish.file.stack_policy,
            warnings=_warnings(operations, change_set),
            settings=[] if stack is None else _settings(operations, wish, stack, content),
            creates=stack is None,
        )
        yield proposal
    finally:
        if proposal is None or not proposal.executed:
            protected = proposal is not None and proposal.protects
            _discard(operations, arn, stack_arn, protected=protected)


def _asked(
    operations: Operations, wish: Wish, wanted: Wanted, bucket: str | None
) -> tuple[Stack | None, Content, str, str]:
    """Ask for a change set; return the stack if there is one, what is asked, and two ARNs."""
    stack, before = operations.until_ready(wanted)
    if before is Action.CREATE:
        stack = None
    content = _content(operations, wish, stack)
    return stack, content, *_change_set(operations, content, bucket, wish, creates=stack is None)


def _content(operations: Operations, wish: Wish, stack: Stack | None) -> Content:
    """Return what is to be asked of an environment that has a stack, or is to be created.

    Raises:
        DeploymentError: when CloudFormation would refuse it, or the environment must not take it.

    """
    previous = stack.parameters if stack else {}
    given = _given(operations, wish, creates=stack is None)
    parameters = ParameterSet(wish.template, given, previous)
    planning.refuse_fixed(parameters)
    if findings := list(parameters.findings()):
        raise cloudformation.invalid(map(parameter_sentence, findings))
    owner = (stack and stack.tags.get(OWNER_TAG)) or wish.owner
    name = operations.environment.name
    return Content(
        template=wish.body,
        parameters=parameters.known(),
        sent=parameters.to_send(),
        tags={**wish.file.tags, planning.ENVIRONMENT_TAG: name, OWNER_TAG: owner},
    )


def _change_set(
    operations: Operations, content: Content, bucket: str | None, wish: Wish, *, creates: bool
) -> tuple[str, str]:
    """Have CloudFormation make a change set, and return its ARN and its stack's."""
    request = {
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Parameters": cloudformation.parameter_list(content.sent),
        "Tags": cloudformation.tag_list(content.tags),
        "Capabilities": planning.capabilities(wish.template),
        "OnStackFailure": planning.failure_mode(content.parameters) if creates else "ROLLBACK",
        **_template(operations.connection, content.template, bucket),
    }
    return cloudformation.create_change_set(
        operations.connection.cloudformation, operations.environment.stack_name, request
    )


def _bucket(connection: Connection, wish: Wish) -> str | None:
    """Return the bucket that the template has to go through, if it has to."""
    size = len(wish.body.encode())
    if size <= cloudformation.TEMPLATE_BYTES:
        return None
    if bucket := wish.bucket or wish.file.bucket or connection.template_bucket:
        return bucket
    message = (
        f"the template has {size:,} bytes, and CloudFormation takes more than "
        f"{cloudformation.TEMPLATE_BYTES:,} only from S3: name a bucket of that region with "
        f'--bucket (with make: BUCKET=...), or as "Bucket" in {wish.file.path}'
    )
    raise DeploymentError(message)


def _template(connection: Connection, body: str, bucket: str | None) -> dict[str, str]:
    if bucket is None:
        return {"TemplateBody": body}
    # Named by what it is, so that the same template is there once.
    key = f"{KEY_PREFIX}/{_hash(body)}.json"
    return {"TemplateURL": cloudformation.upload(connection.s3, bucket, key, body)}


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _given(operations: Operations, wish: Wish, *, creates: bool) -> dict[str, str]:
    """Return the parameters that are set; a new environment gets its zones for life."""
    given = {**wish.file.parameters, **wish.parameters}
    zones = {"AvailabilityZone1", "AvailabilityZone2"}
    if creates and zones <= wish.template["Parameters"].keys() and not zones & given.keys():
        given |= _zones(operations.connection)
    return given | {SUFFIX_PARAMETER: operations.environment.suffix}


def _zones(connection: Connection) -> dict[str, str]:
    """Return the first two zones that can hold all of an environment.

    `Fn::GetAZs` gives no order that would stay the same, and other zones would replace the subnets.
    """
    zones = connection.ec2.describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
        ]
    )["AvailabilityZones"]
    usable = sorted(
        zone["ZoneName"] for zone in zones if zone["ZoneId"] not in ZONES_WITHOUT_NAT_GATEWAYS
    )
    names = ("AvailabilityZone1", "AvailabilityZone2")
    return dict(zip(names, usable, strict=False)) if len(usable) >= len(names) else {}


def _worked_out(operations: Operations, arn: str) -> ChangeSet:
    """Return a change set once CloudFormation has worked it out."""
    client = operations.connection.cloudformation
    with operations.follower.limited("the change set"):
        for _ in events.paced(operations.follower.timeout):
            change_set = cloudformation.describe_change_set(client, arn)
            if not change_set.pending:
                break
    return change_set


def _refused(
    operations: Operations, wish: Wish, content: Content, change_set: ChangeSet, reason: str
) -> DeploymentError:
    if change_set.state is not ChangeSetState.FAILED:
        return DeploymentError(reason)
    lines = [f"{reason}: {change_set.reason}"]
    subject = subject_of(operations, wish, content, change_set.changes)
    for finding in _findings(operations, change_set):
        lines.append(str(finding))
        if way := name_taken.way_on(subject, finding):
            lines.append(f"  {way}")
    return cloudformation.invalid(lines)


def subject_of(
    operations: Operations, wish: Wish, content: Content, changes: Sequence[ResourceChange]
) -> Subject:
    """Return what checks look at, of changes that a change set would make."""
    return Subject(
        operations.environment.name,
        operations.connection,
        wish.template,
        content.parameters,
        changes,
    )


def _warnings(operations: Operations, change_set: ChangeSet) -> list[ValidationFinding]:
    """Return what early validation warns of, although the change set can be executed."""
    if change_set.state is ChangeSetState.EMPTY:
        return []
    return [finding for finding in _findings(operations, change_set) if not finding.fails]


def _findings(operations: Operations, change_set: ChangeSet) -> list[ValidationFinding]:
    client = operations.connection.cloudformation
    try:
        return cloudformation.validation_findings(client, change_set.arn)
    except (BotoCoreError, ClientError) as error:
        # What more there is to say must not hide what is known.
        operations.audience.say(f"note: early validation cannot be read: {error}")
        return []


def _discard(operations: Operations, arn: str, stack_arn: str, *, protected: bool) -> None:
    """Remove a change set, and the stack if it was there for nothing else."""
    client = operations.connection.cloudformation
    try:
        # What is still being worked out cannot be removed.
        for _ in events.paced(DISCARD_SECONDS):
            if not cloudformation.describe_change_set(client, arn).pending:
                break
        client.delete_change_set(ChangeSetName=arn)
        stack = cloudformation.find_stack(client, stack_arn)
        if (
            stack
            and stack.status == "REVIEW_IN_PROGRESS"
            and not cloudformation.has_change_sets(client, stack_arn)
        ):
            if protected:
                _protect(operations.connection, stack, enabled=False)
            client.delete_stack(StackName=stack_arn)
    except (BotoCoreError, ClientError, TimeoutError) as error:
        if not (isinstance(error, ClientError) and is_gone(error)):
            operations.audience.say(
                f"the change set could not be removed, which does no harm: {error}"
            )


def execute(operations: Operations, wish: Wish, proposal: Proposal) -> Stack:
    """Execute a change set, follow it to its end, and return the stack.

    Raises:
        DeploymentError: when it fails.

    """
    client = operations.connection.cloudformation
    arn = proposal.stack.arn
    parameters = proposal.content.parameters
    if protection.wants_termination_protection(parameters):
        # Before there is anything to protect, so that nothing is ever unprotected.
        proposal.protects = True
        _protect(operations.connection, proposal.stack, enabled=True)
    if not proposal.creates:
        _set_policy(operations.connection, arn, wish)
    newest = events.newest_id(client, arn)
    _begin(operations, proposal)
    outcome = operations.follower.follow(
        f"{'creating' if proposal.creates else 'updating'} {operations.environment.suffix}",
        arn,
        after=newest,
        logical_ids=[change.logical_id for change in proposal.changes],
        deletes_itself=proposal.creates and planning.failure_mode(parameters) == "DELETE",
    )
    stack = cloudformation.find_stack(client, arn)
    if stack is None or outcome.status not in events.COMPLETIONS:
        raise _failure(operations, outcome)
    settle(operations, wish, stack, parameters)
    return stack


def _begin(operations: Operations, proposal: Proposal) -> None:
    """Execute a change set, which is not removed any more unless that was refused."""
    client = operations.connection.cloudformation
    token = cloudformation.unique_name()
    proposal.executed = True
    try:
        cloudformation.execute_change_set(client, proposal.change_set, token)
    except (ClientError, DeploymentError):
        # A creation can have failed, and be gone with its change set, before the second attempt.
        proposal.executed = events.carry(client, proposal.stack.arn, token)
        if not proposal.executed:
            raise
    except KeyboardInterrupt:
        message = f"interrupted; see what has become of it with: {operations.command('status')}"
        raise DeploymentError(message, ExitCode.INTERRUPTED) from None


def settle(operations: Operations, wish: Wish, stack: Stack, parameters: Mapping[str, str]) -> None:
    """Bring what no change set carries in line: the stack's policy and its protection."""
    _set_policy(operations.connection, stack.arn, wish)
    _protect(
        operations.connection, stack, enabled=protection.wants_termination_protection(parameters)
    )


def _protect(connection: Connection, stack: Stack, *, enabled: bool) -> None:
    if stack.termination_protection != enabled:
        connection.cloudformation.update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=enabled
        )


def _set_policy(connection: Connection, arn: str, wish: Wish) -> None:
    wanted = _policy(wish)
    if not _has_policy(connection, arn, wanted):
        connection.cloudformation.set_stack_policy(StackName=arn, StackPolicyBody=wanted)


def _policy(wish: Wish) -> str:
    return ALLOW_ALL if wish.file.stack_policy is None else json.dumps(wish.file.stack_policy)


def _has_policy(connection: Connection, arn: str, wanted: str) -> bool:
    current = connection.cloudformation.get_stack_policy(StackName=arn).get("StackPolicyBody")
    return bool(json.loads(current or ALLOW_ALL) == json.loads(wanted))


def _settings(operations: Operations, wish: Wish, stack: Stack, content: Content) -> list[str]:
    """Return in words what of an existing stack changes without being in a change set."""
    words = []
    if not _has_policy(operations.connection, stack.arn, _policy(wish)):
        words.append("the stack policy changes to that of the parameter file")
    protected = protection.wants_termination_protection(content.parameters)
    if stack.termination_protection != protected:
        words.append(f"termination protection is switched {'on' if protected else 'off'}")
    return words


def _failure(operations: Operations, outcome: Outcome) -> DeploymentError:
    """Return what made a deployment fail, where that leaves the environment, and the way on."""
    again = "once that is mended, run the same command again"
    destroy = operations.command("destroy")
    status = outcome.status
    stands = {
        "DELETE_COMPLETE": f"nothing of it is left; {again}",
        "ROLLBACK_COMPLETE": f"what was created is removed; {again}",
        "UPDATE_ROLLBACK_COMPLETE": f"it is as it was before; {again}",
        "UPDATE_ROLLBACK_FAILED": f"it is stuck in {status}; {again}, which rolls it back",
        "DELETE_FAILED": f"it is stuck in {status}; to delete it, run: {destroy}",
        "ROLLBACK_FAILED": f"it is stuck in {status}; to delete it, run: {destroy}",
    }.get(status, f"it is in {status}; see: {operations.command('status')}")
    lines = [f"{operations.environment.suffix} has failed", *outcome.explanation(), stands]
    gone = status == "DELETE_COMPLETE"
    exit_code = ExitCode.ROLLED_BACK if gone else planning.exit_code_of(status)
    return DeploymentError("\n  ".join(lines), exit_code)
