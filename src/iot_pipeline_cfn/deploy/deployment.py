"""Plans of deployments.

A change set is created, shown, and then executed or removed. Whatever happens in between, it is
removed unless its execution has begun.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.changes import ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Value
from iot_pipeline_cfn.template.parameters import SLOT_PARAMETER, changed_values, shown

from . import cloudformation
from .cloudformation import ChangeSet, ChangeSetState, Stack, ValidationFinding
from .concurrency import both
from .drift import Drift
from .errors import DeploymentError, FindingsError, explained, is_gone, message_of
from .following import limited
from .lifetime import PEOPLE_TAGS
from .network_use import choose_slot, network_of
from .operations import Operations
from .planning import REASONS, Refusal, StackAction, Verb
from .polling import answers, poll
from .preflight.checking import PreflightContext
from .preflight.names import explain_validation
from .protection import Setting, changed_settings, set_termination_protection
from .readiness import make_ready
from .reported_changes import change_data
from .request import (
    ChangeSetInput,
    DeploymentRequest,
    build_input,
    find_bucket,
    send_template,
    submit,
)
from .task_count import find_count, without_count

DISCARD_SECONDS: Final = 60.0
"""How long to wait for a change set that is only going to be removed."""


@dataclass
class Plan:
    """A change set, and everything that follows from it before it is executed.

    CloudFormation has created the stack for the change set if the plan `creates` an environment.
    """

    stack: Stack
    change_set: ChangeSet
    content: ChangeSetInput
    context: PreflightContext
    stack_policy: Mapping[str, Any] | None
    validations: Sequence[ValidationFinding]
    settings: Sequence[Setting]
    creates: bool
    removed_tags: Sequence[str] = ()
    """The keys of tags that the stack has from elsewhere, and that its resources lose."""
    findings: Sequence[Finding] = ()
    drift: Sequence[Drift] | None = None
    """The drift of the resources that it changes; None if that is not known."""
    is_protected_early: bool = False
    """Whether termination protection was switched on before the execution."""
    is_executed: bool = False
    """Whether the execution has begun."""

    @property
    def empty(self) -> bool:
        """Whether the change set has nothing to do."""
        return self.change_set.state is ChangeSetState.EMPTY

    @property
    def changes(self) -> Sequence[ResourceChange]:
        """The changes of resources; a change set without any can still change outputs."""
        return self.change_set.changes

    @property
    def parameter_changes(self) -> Mapping[str, tuple[str | None, str | None]]:
        """The parameters of an existing stack that change, with the values before and after."""
        stack = self.context.stack
        if stack is None:
            return {}
        return changed_values(self.context.template, stack.parameters, self.content.parameters)

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            **self._reviewed_data(),
            "empty": self.empty,
            "parameter_changes": [
                {"name": name, "before": before, "after": after}
                for name, (before, after) in self.parameter_changes.items()
            ],
            "settings": list(self.settings),
            "removed_tags": list(self.removed_tags),
            "drift": None if self.drift is None else [asdict(each) for each in self.drift],
        }

    def _reviewed_data(self) -> dict[str, Value]:
        """Return the data that a deployment must share with its review, without counts."""
        updated = self.stack.updated or self.stack.created
        changes = [change_data(change) for change in self.changes]
        tags = self.content.tags
        return {
            "account": self.stack.account,
            "region": self.stack.region,
            "stack": None if self.creates else self.stack.arn,
            "last_updated": None if self.creates else updated.isoformat(),
            "template": self.content.template_hash,
            "parameters": shown(self.context.template, self.content.parameters),
            "tags": {key: tags[key] for key in tags if key not in PEOPLE_TAGS},
            "stack_policy": self.stack_policy,
            "changes": sorted(changes, key=itemgetter("logical_id")),
        }

    def require_unchanged(self, reviewed: Mapping[str, Any]) -> None:
        """Require that nothing has changed since the plan was reviewed."""
        before, now = without_count(reviewed), without_count(self._reviewed_data())
        if changed := [name for name in now if now[name] != before.get(name)]:
            message = f"changed since the review: {', '.join(changed)}; plan and review again"
            raise DeploymentError(message, code="review-outdated", changed=changed)


@contextmanager
def planned(operations: Operations, request: DeploymentRequest, verb: Verb) -> Iterator[Plan]:
    """Create a change set, and remove it in the end unless its execution has begun."""
    bucket = find_bucket(operations.connection, request)
    try:
        requested = _request_change_set(operations, request, verb, bucket)
    except ClientError as error:
        # Another operation began in the meantime: wait for that too.
        if "_IN_PROGRESS" not in message_of(error):
            raise
        requested = _request_change_set(operations, request, verb, bucket)
    existing, content, arn, stack_arn = requested
    plan = None
    try:
        change_set = _wait_for_change_set(operations, arn)
        policy = request.file.stack_policy
        context = PreflightContext(
            operations.environment,
            operations.connection,
            request.template,
            content.parameters,
            change_set.changes,
            existing,
            operations.role_arn,
        )
        (stack, _), (validations, settings) = both(
            lambda: both(
                lambda: cloudformation.find_stack(operations.client, stack_arn),
                # The context keeps it for those who show the plan.
                lambda: change_set.changes and context.template_before,
            ),
            lambda: both(
                lambda: _validations(operations, change_set),
                lambda: (
                    []
                    if existing is None
                    else changed_settings(operations.client, existing, content.parameters, policy)
                ),
            ),
        )
        if stack is None or change_set.state is ChangeSetState.OBSOLETE:
            raise cloudformation.obsolete()
        if change_set.state is ChangeSetState.FAILED:
            raise _rejected(change_set, [explain_validation(context, each) for each in validations])
        plan = Plan(
            stack=stack,
            change_set=change_set,
            content=content,
            context=context,
            stack_policy=policy,
            validations=[finding for finding in validations if not finding.fails],
            settings=settings,
            creates=existing is None,
            removed_tags=sorted(existing.tags.keys() - content.tags.keys()) if existing else (),
        )
        yield plan
    finally:
        if plan is None or not plan.is_executed:
            _discard(operations, arn, stack_arn, plan, creates=existing is None)


def _request_change_set(
    operations: Operations, request: DeploymentRequest, verb: Verb, bucket: str | None
) -> tuple[Stack | None, ChangeSetInput, str, str]:
    """Ask for a change set; return the existing stack, what was asked, and the two ARNs."""
    stack, action = make_ready(operations, verb, express=request.express)
    if action is StackAction.CREATE:
        stack = None
    content, template = both(
        lambda: _prepare_input(operations, request, stack),
        lambda: send_template(operations, request, bucket),
    )
    return stack, content, *submit(operations, content, template, creates=stack is None)


def _prepare_input(
    operations: Operations, request: DeploymentRequest, stack: Stack | None
) -> ChangeSetInput:
    """Return the input of a change set, with the parameters that only AWS can tell."""
    content = build_input(operations, request, stack)
    network = network_of(request)
    if network and not (stack and SLOT_PARAMETER in stack.parameters):
        content = content.with_parameters({SLOT_PARAMETER: choose_slot(operations, network)})
    return content.with_parameters(find_count(operations, request, stack, content))


def _wait_for_change_set(operations: Operations, arn: str) -> ChangeSet:
    with limited(operations, "the change set"):
        for change_set in answers(
            lambda: cloudformation.describe_change_set(operations.client, arn),
            operations.timeout,
            operations.report_outage,
        ):
            if not change_set.pending:
                break
    return change_set


def _rejected(change_set: ChangeSet, findings: Sequence[Finding]) -> DeploymentError:
    """Return the error of a change set that CloudFormation rejected, with its findings."""
    return FindingsError(
        f"{REASONS[Refusal.CHANGE_SET_FAILED]}: {change_set.reason}",
        ExitCode.INVALID,
        findings,
        code=Refusal.CHANGE_SET_FAILED,
        reason=change_set.reason,
    )


def _validations(operations: Operations, change_set: ChangeSet) -> list[ValidationFinding]:
    """Return the findings of early validation; a change set without changes has none."""
    if change_set.state is ChangeSetState.EMPTY:
        return []
    try:
        return cloudformation.validation_findings(operations.client, change_set.arn)
    except (BotoCoreError, ClientError) as error:
        # This must not hide what is already known.
        operations.notify("validation-unreadable", reason=str(explained(error)))
        return []


def _discard(
    operations: Operations, arn: str, stack_arn: str, plan: Plan | None, *, creates: bool
) -> None:
    """Remove a change set, and the stack if it exists only for that."""
    client = operations.client
    try:
        # A pending change set cannot be removed; that of a plan is not pending.
        for _ in poll(DISCARD_SECONDS) if plan is None else ():
            if not cloudformation.describe_change_set(client, arn).pending:
                break
        client.delete_change_set(ChangeSetName=arn)
        stack = cloudformation.find_stack(client, stack_arn) if creates else None
        if (
            stack
            and stack.status == "REVIEW_IN_PROGRESS"
            and not cloudformation.has_other_change_sets(client, stack_arn, arn)
        ):
            if plan is not None and plan.is_protected_early:
                set_termination_protection(client, stack, enabled=False)
            client.delete_stack(StackName=stack_arn)
    except (BotoCoreError, ClientError, TimeoutError) as error:
        if not (isinstance(error, ClientError) and is_gone(error)):
            operations.notify("change-set-not-removed", reason=str(error))
