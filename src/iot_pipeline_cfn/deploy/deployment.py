"""Plans of deployments.

A change set is created, shown, and then executed or removed. Whatever happens in between, it is
removed unless its execution has begun.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.changes import ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Value

from . import cloudformation, events, planning
from .cloudformation import ChangeSet, Stack, ValidationFinding
from .errors import ChangeSetRejectedError, DeploymentError, is_gone, message_of
from .following import limited
from .operations import Operations
from .planning import REASONS, ChangeSetState, Refusal, StackAction, Verb
from .preflight.checking import PreflightContext
from .preflight.names import explain_validation
from .readiness import make_ready
from .reported_changes import change_data
from .request import (
    OWNER_TAG,
    ChangeSetInput,
    DeploymentRequest,
    build_input,
    create_change_set,
    find_bucket,
)
from .stack_settings import (
    Setting,
    changed_settings,
    set_termination_protection,
)

DISCARD_SECONDS: Final = 60.0
"""How long to wait for a change set that is only going to be removed."""


@dataclass
class Plan:
    """A change set, and everything that follows from it before it is executed.

    Attributes:
        action: What to do: execute the change set, or nothing.
        stack: The stack, which CloudFormation has created for the change set if it is new.
        change_set: The change set.
        content: What CloudFormation was asked.
        stack_policy: The policy of the parameter file, if it has one.
        validations: The warnings of CloudFormation's early validation.
        settings: The settings of an existing stack that change as well.
        creates: Whether the environment is new.
        findings: The findings of the preflight checks, once they have run.
        is_protected_early: Whether termination protection was switched on before the execution.
        is_executed: Whether the execution has begun.

    """

    action: StackAction
    stack: Stack
    change_set: ChangeSet
    content: ChangeSetInput
    stack_policy: Mapping[str, Any] | None
    validations: Sequence[ValidationFinding]
    settings: Sequence[Setting]
    creates: bool
    findings: Sequence[Finding] = ()
    is_protected_early: bool = False
    is_executed: bool = False

    @property
    def empty(self) -> bool:
        """Whether the change set has nothing to do."""
        return self.change_set.state is ChangeSetState.EMPTY

    @property
    def changes(self) -> Sequence[ResourceChange]:
        """The changes of resources; a change set without any can still change outputs."""
        return self.change_set.changes

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            **self._reviewed_data(),
            "empty": self.empty,
            "settings": list(self.settings),
        }

    def _reviewed_data(self) -> dict[str, Value]:
        """Return everything that must stay the same between a review and the deployment."""
        updated = self.stack.updated or self.stack.created
        changes = [change_data(change) for change in self.changes]
        tags = self.content.tags
        return {
            "stack": None if self.creates else self.stack.arn,
            "last_updated": None if self.creates else updated.isoformat(),
            "template": self.content.template_hash,
            "parameters": dict(self.content.parameters),
            "tags": {key: tags[key] for key in tags if key != OWNER_TAG},
            "stack_policy": self.stack_policy,
            "changes": sorted(changes, key=itemgetter("logical_id")),
        }

    def require_unchanged(self, reviewed: Mapping[str, Any]) -> None:
        """Require that nothing has changed since the plan was reviewed.

        Raises:
            DeploymentError: when something has; its details name what.

        """
        now = self._reviewed_data()
        if changed := [name for name in now if now[name] != reviewed.get(name)]:
            message = f"changed since the review: {', '.join(changed)}; plan and review again"
            raise DeploymentError(message, code="review-outdated", changed=changed)


@contextmanager
def planned(operations: Operations, request: DeploymentRequest, verb: Verb) -> Iterator[Plan]:
    """Create a change set, and remove it in the end unless its execution has begun.

    Raises:
        DeploymentError: when the environment cannot be changed, or not in this way.

    """
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
        stack = cloudformation.find_stack(operations.client, stack_arn)
        action = planning.decide_change_set(change_set.state, verb)
        if stack is None or action is Refusal.CHANGE_SET_OVERTAKEN:
            raise cloudformation.overtaken()
        if isinstance(action, Refusal):
            raise _rejected(operations, request, content, change_set)
        plan = Plan(
            action=action,
            stack=stack,
            change_set=change_set,
            content=content,
            stack_policy=request.file.stack_policy,
            validations=_warnings(operations, change_set),
            settings=[]
            if existing is None
            else changed_settings(operations, request, existing, content.parameters),
            creates=existing is None,
        )
        yield plan
    finally:
        if plan is None or not plan.is_executed:
            protected = plan is not None and plan.is_protected_early
            _discard(operations, arn, stack_arn, protected=protected)


def _request_change_set(
    operations: Operations, request: DeploymentRequest, verb: Verb, bucket: str | None
) -> tuple[Stack | None, ChangeSetInput, str, str]:
    """Ask for a change set; return the existing stack, what was asked, and the two ARNs."""
    stack, action = make_ready(operations, verb)
    if action is StackAction.CREATE:
        stack = None
    content = build_input(operations, request, stack)
    arns = create_change_set(operations, content, bucket, creates=stack is None)
    return stack, content, *arns


def _wait_for_change_set(operations: Operations, arn: str) -> ChangeSet:
    """Return a change set once CloudFormation has completed it."""
    with limited(operations, "the change set"):
        for _ in events.poll(operations.timeout):
            change_set = cloudformation.describe_change_set(operations.client, arn)
            if not change_set.pending:
                break
    return change_set


def _rejected(
    operations: Operations,
    request: DeploymentRequest,
    content: ChangeSetInput,
    change_set: ChangeSet,
) -> DeploymentError:
    """Return the error of a change set that CloudFormation rejected, with its findings."""
    context = preflight_context(operations, request, content, change_set.changes)
    return ChangeSetRejectedError(
        f"{REASONS[Refusal.CHANGE_SET_FAILED]}: {change_set.reason}",
        [explain_validation(context, each) for each in _validations(operations, change_set)],
        code=Refusal.CHANGE_SET_FAILED,
        reason=change_set.reason,
    )


def preflight_context(
    operations: Operations,
    request: DeploymentRequest,
    content: ChangeSetInput,
    changes: Sequence[ResourceChange],
) -> PreflightContext:
    """Return what the preflight checks of changes get."""
    return PreflightContext(
        operations.environment,
        operations.connection,
        request.template,
        content.parameters,
        changes,
    )


def _warnings(operations: Operations, change_set: ChangeSet) -> list[ValidationFinding]:
    """Return the warnings of early validation about a change set that can be executed."""
    if change_set.state is ChangeSetState.EMPTY:
        return []
    return [finding for finding in _validations(operations, change_set) if not finding.fails]


def _validations(operations: Operations, change_set: ChangeSet) -> list[ValidationFinding]:
    try:
        return cloudformation.validation_findings(operations.client, change_set.arn)
    except (BotoCoreError, ClientError) as error:
        # This must not hide what is already known.
        operations.notify("validation-unreadable", reason=str(error))
        return []


def _discard(operations: Operations, arn: str, stack_arn: str, *, protected: bool) -> None:
    """Remove a change set, and the stack if it exists only for that."""
    client = operations.client
    try:
        # A pending change set cannot be removed.
        for _ in events.poll(DISCARD_SECONDS):
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
                set_termination_protection(operations, stack, enabled=False)
            client.delete_stack(StackName=stack_arn)
    except (BotoCoreError, ClientError, TimeoutError) as error:
        if not (isinstance(error, ClientError) and is_gone(error)):
            operations.notify("change-set-not-removed", reason=str(error))
