"""Bringing an environment up or up to date: what the verbs plan and deploy do.

A change set is made, shown, and then executed or removed. Whatever happens between, it is removed
unless its execution has begun.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.parameters import SUFFIX_PARAMETER, ParameterFile, parameter_problems

from . import cloudformation, events, planning
from .changes import Change
from .cloudformation import ChangeSet, Finding, Stack
from .connection import Connection
from .errors import DeploymentError, ExitCode
from .operations import Operations, Outcome
from .planning import Action, ChangeSetState, Wanted

OWNER_TAG: Final = "iot-pipeline:owner"
KEY_PREFIX: Final = "iot-pipeline"

ALLOW_ALL: Final = (
    '{"Statement":[{"Action":"Update:*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
)
"""What a stack without a policy allows; one that has had a policy cannot be without one again."""

ZONES_WITHOUT_NAT_GATEWAYS: Final = ("apne1-az3",)
"""By their ids, which are the same in every account; NAT gateways are not offered there."""

SUCCEEDED: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


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


@dataclass
class Proposal:
    """A change set that could be executed, or says that there is nothing to do."""

    stack: Stack
    change_set: ChangeSet
    parameters: Mapping[str, str]
    """The value that each one is going to have."""
    warnings: Sequence[Finding]
    template_hash: str
    creates: bool
    executed: bool = False

    @property
    def changes(self) -> Sequence[Change]:
        """What it would do."""
        return self.change_set.changes

    def as_data(self) -> dict[str, Any]:
        """Return all that a review of it depends on, as data for JSON."""
        updated = self.stack.updated or self.stack.created
        return {
            "stack": None if self.creates else self.stack.arn,
            "lastUpdated": None if self.creates else updated.isoformat(),
            "template": self.template_hash,
            "parameters": dict(self.parameters),
            "changes": [change.as_data() for change in self.changes],
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
    body = cloudformation.compact(wish.template)
    bucket = _bucket(operations.connection, wish, body)
    stack, before = operations.until_ready(wanted)
    creates = stack is None or before is Action.CREATE
    previous = {} if stack is None or creates else stack.parameters
    given = _given(operations, wish, creates=creates)
    parameters = planning.effective_parameters(wish.template, given, previous)
    planning.refuse_fixed(given, previous)
    if problems := list(parameter_problems(wish.template, parameters | given)):
        raise cloudformation.invalid(problems)

    request = {
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Parameters": cloudformation.parameter_list(
            planning.parameters_to_send(wish.template, given, previous)
        ),
        "Tags": cloudformation.tag_list(_tags(operations, wish, stack)),
        "Capabilities": planning.capabilities(wish.template),
        "OnStackFailure": planning.failure_mode(parameters) if creates else "ROLLBACK",
        **_template(operations.connection, body, bucket),
    }
    client = operations.connection.cloudformation
    arn = cloudformation.create_change_set(client, operations.environment.stack_name, request)
    proposal = None
    try:
        change_set = _worked_out(operations, arn)
        made_for = cloudformation.find_stack(client, change_set.stack_arn)
        status = cloudformation.status_of(made_for)
        decision = planning.decide(status, planning.Owner.OURS, wanted, change_set.state)
        if made_for is None or decision.action is Action.REFUSE:
            raise _refused(operations, change_set, decision.reason)
        proposal = Proposal(
            stack=made_for,
            change_set=change_set,
            parameters=parameters,
            warnings=_warnings(operations, change_set),
            template_hash=hashlib.sha256(body.encode()).hexdigest(),
            creates=creates,
        )
        yield proposal
    finally:
        if proposal is None or not proposal.executed:
            _discard(operations, arn)


def _bucket(connection: Connection, wish: Wish, body: str) -> str | None:
    """Return the bucket that the template has to go through, if it has to."""
    size = len(body.encode())
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
    key = f"{KEY_PREFIX}/{hashlib.sha256(body.encode()).hexdigest()}.json"
    return {"TemplateURL": cloudformation.upload(connection.s3, bucket, key, body)}


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


def _tags(operations: Operations, wish: Wish, stack: Stack | None) -> dict[str, str]:
    owner = (stack and stack.tags.get(OWNER_TAG)) or wish.owner
    name = operations.environment.name
    return {**wish.file.tags, planning.ENVIRONMENT_TAG: name, OWNER_TAG: owner}


def _worked_out(operations: Operations, arn: str) -> ChangeSet:
    """Return a change set once CloudFormation has worked it out."""
    client = operations.connection.cloudformation
    with operations.limited():
        for _ in events.paced(operations.timeout):
            change_set = cloudformation.describe_change_set(client, arn)
            if not change_set.pending:
                break
    return change_set


def _refused(operations: Operations, change_set: ChangeSet, reason: str) -> DeploymentError:
    if change_set.state is not ChangeSetState.FAILED:
        return DeploymentError(reason)
    findings = _findings(operations, change_set)
    return cloudformation.invalid([f"{reason}: {change_set.reason}", *map(str, findings)])


def _warnings(operations: Operations, change_set: ChangeSet) -> list[Finding]:
    """Return what early validation warns of, although the change set can be executed."""
    if change_set.state is ChangeSetState.EMPTY:
        return []
    return [finding for finding in _findings(operations, change_set) if not finding.fails]


def _findings(operations: Operations, change_set: ChangeSet) -> list[Finding]:
    client = operations.connection.cloudformation
    try:
        return cloudformation.validation_findings(client, change_set.arn)
    except (BotoCoreError, ClientError) as error:
        # What more there is to say must not hide what is known.
        operations.audience.say(f"note: early validation cannot be read: {error}")
        return []


def _discard(operations: Operations, arn: str) -> None:
    """Remove a change set, and the stack if it was there for nothing else."""
    client = operations.connection.cloudformation
    try:
        change_set = cloudformation.describe_change_set(client, arn)
        client.delete_change_set(ChangeSetName=arn)
        stack = cloudformation.find_stack(client, change_set.stack_arn)
        if (
            stack
            and stack.status == "REVIEW_IN_PROGRESS"
            and not cloudformation.has_change_sets(client, stack)
        ):
            _protect(operations.connection, stack, enabled=False)
            client.delete_stack(StackName=stack.arn)
    except (BotoCoreError, ClientError) as error:
        operations.audience.say(f"the change set could not be removed, which does no harm: {error}")


def execute(operations: Operations, wish: Wish, proposal: Proposal) -> Stack:
    """Execute a change set, follow it to its end, and return the stack.

    Raises:
        DeploymentError: when it fails.

    """
    client = operations.connection.cloudformation
    arn = proposal.stack.arn
    if planning.is_protected(proposal.parameters):
        # Before there is anything to protect, so that nothing is ever unprotected.
        _protect(operations.connection, proposal.stack, enabled=True)
    if not proposal.creates:
        _set_policy(operations.connection, arn, wish)
    newest = events.newest_id(client, arn)
    token = cloudformation.unique_name()
    proposal.executed = True
    try:
        cloudformation.execute_change_set(client, proposal.change_set, token)
    except (ClientError, DeploymentError):
        # A creation can have failed, and be gone with its change set, before the second attempt.
        proposal.executed = events.carry(client, arn, token)
        if not proposal.executed:
            raise
    outcome = operations.follow(
        f"{'creating' if proposal.creates else 'updating'} {operations.environment.suffix}",
        arn,
        after=newest,
        logical_ids=[change.logical_id for change in proposal.changes],
        deletes_itself=proposal.creates and planning.failure_mode(proposal.parameters) == "DELETE",
    )
    stack = cloudformation.find_stack(client, arn)
    if stack is None or stack.status not in SUCCEEDED:
        raise _failure(operations, outcome, cloudformation.status_of(stack))
    settle(operations, wish, stack, proposal.parameters)
    return stack


def settle(operations: Operations, wish: Wish, stack: Stack, parameters: Mapping[str, str]) -> None:
    """Bring what no change set carries in line: the stack's policy and its protection."""
    _set_policy(operations.connection, stack.arn, wish)
    _protect(operations.connection, stack, enabled=planning.is_protected(parameters))


def _protect(connection: Connection, stack: Stack, *, enabled: bool) -> None:
    if stack.termination_protection != enabled:
        connection.cloudformation.update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=enabled
        )


def _set_policy(connection: Connection, arn: str, wish: Wish) -> None:
    client = connection.cloudformation
    current = client.get_stack_policy(StackName=arn).get("StackPolicyBody")
    wanted = ALLOW_ALL if wish.file.stack_policy is None else json.dumps(wish.file.stack_policy)
    if json.loads(current or ALLOW_ALL) != json.loads(wanted):
        client.set_stack_policy(StackName=arn, StackPolicyBody=wanted)


def _failure(operations: Operations, outcome: Outcome, status: str) -> DeploymentError:
    """Return what made a deployment fail, where that leaves the environment, and the way on."""
    again = f"once that is mended, run: {operations.command('deploy')}"
    stuck = "it can go neither forward nor back"
    stands, exit_code = {
        "DELETE_COMPLETE": (f"nothing of it is left; {again}", ExitCode.ROLLED_BACK),
        "ROLLBACK_COMPLETE": (f"what was created is removed; {again}", ExitCode.ROLLED_BACK),
        "UPDATE_ROLLBACK_COMPLETE": (f"it is as it was before; {again}", ExitCode.ROLLED_BACK),
        "UPDATE_ROLLBACK_FAILED": (
            f"{stuck} ({status}); to continue the roll-back, run: {operations.command('deploy')}",
            ExitCode.STUCK,
        ),
    }.get(
        status,
        (f"{stuck} ({status}); run: {operations.command('destroy')}", ExitCode.STUCK),
    )
    lines = [f"{operations.environment.suffix} has failed", *outcome.explanation(), stands]
    return DeploymentError("\n  ".join(lines), exit_code)
