"""Plans of deployments, and their execution.

A change set is created, shown, and then executed or removed. Whatever happens in between, it is
removed unless its execution has begun.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.changes import ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Value
from iot_pipeline_cfn.template.parameters import (
    NETWORK_PARAMETER,
    SLOT_PARAMETER,
    changed_values,
    shown,
)

from . import cloudformation, events, planning
from .cloudformation import ChangeSet, ChangeSetState, Stack, ValidationFinding
from .drift import Drift
from .errors import DeploymentError, FindingsError, explained, is_gone, message_of
from .following import OperationOutcome, follow, limited
from .lifetime import PEOPLE_TAGS
from .network_use import choose_slot, network_of, require_free_slot
from .observer import Operation
from .operations import Operations
from .planning import REASONS, Refusal, StackAction, Verb
from .polling import answers, poll
from .preflight.checking import PreflightContext
from .preflight.names import explain_validation
from .protection import (
    Setting,
    changed_settings,
    set_policy,
    set_termination_protection,
    wants_termination_protection,
)
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
        stack = cloudformation.find_stack(operations.client, stack_arn)
        if stack is None or change_set.state is ChangeSetState.OBSOLETE:
            raise cloudformation.obsolete()
        context = PreflightContext(
            operations.environment,
            operations.connection,
            request.template,
            content.parameters,
            change_set.changes,
            existing,
            operations.role_arn,
        )
        if change_set.state is ChangeSetState.FAILED:
            raise _rejected(operations, change_set, context)
        policy = request.file.stack_policy
        plan = Plan(
            stack=stack,
            change_set=change_set,
            content=content,
            context=context,
            stack_policy=policy,
            validations=_warnings(operations, change_set),
            settings=[]
            if existing is None
            else changed_settings(operations.client, existing, content.parameters, policy),
            creates=existing is None,
            removed_tags=sorted(existing.tags.keys() - content.tags.keys()) if existing else (),
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
    stack, action = make_ready(operations, verb, express=request.express)
    if action is StackAction.CREATE:
        stack = None
    content = build_input(operations, request, stack)
    network = network_of(request)
    if network and not (stack and SLOT_PARAMETER in stack.parameters):
        content = content.with_parameters({SLOT_PARAMETER: choose_slot(operations, network)})
    with ThreadPoolExecutor(max_workers=1) as beside:
        count = beside.submit(find_count, operations, request, stack, content)
        template = send_template(operations, content, bucket, request.kms_key)
        content = content.with_parameters(count.result())
    return stack, content, *submit(operations, content, template, creates=stack is None)


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


def _rejected(
    operations: Operations, change_set: ChangeSet, context: PreflightContext
) -> DeploymentError:
    """Return the error of a change set that CloudFormation rejected, with its findings."""
    return FindingsError(
        f"{REASONS[Refusal.CHANGE_SET_FAILED]}: {change_set.reason}",
        ExitCode.INVALID,
        [explain_validation(context, each) for each in _validations(operations, change_set)],
        code=Refusal.CHANGE_SET_FAILED,
        reason=change_set.reason,
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
        operations.notify("validation-unreadable", reason=str(explained(error)))
        return []


def _discard(operations: Operations, arn: str, stack_arn: str, *, protected: bool) -> None:
    """Remove a change set, and the stack if it exists only for that."""
    client = operations.client
    try:
        # A pending change set cannot be removed.
        for _ in poll(DISCARD_SECONDS):
            if not cloudformation.describe_change_set(client, arn).pending:
                break
        client.delete_change_set(ChangeSetName=arn)
        stack = cloudformation.find_stack(client, stack_arn)
        if (
            stack
            and stack.status == "REVIEW_IN_PROGRESS"
            and not cloudformation.has_other_change_sets(client, stack_arn, arn)
        ):
            if protected:
                set_termination_protection(client, stack, enabled=False)
            client.delete_stack(StackName=stack_arn)
    except (BotoCoreError, ClientError, TimeoutError) as error:
        if not (isinstance(error, ClientError) and is_gone(error)):
            operations.notify("change-set-not-removed", reason=str(error))


def execute(operations: Operations, plan: Plan) -> Stack:
    """Execute a plan, follow it to its end, and return the stack."""
    if plan.empty:
        return _set_up(operations, plan, plan.stack)
    client, arn, parameters = operations.client, plan.stack.arn, plan.content.parameters
    cloudformation.require_available(client, plan.change_set)
    if slot := plan.content.sent.get(SLOT_PARAMETER):
        require_free_slot(operations, slot, parameters[NETWORK_PARAMETER])
    if wants_termination_protection(parameters):
        # On before the first resource exists, so that nothing is ever unprotected, as by the CDK
        # (https://github.com/aws/aws-cdk-cli/blob/main/packages/%40aws-cdk/toolkit-lib/lib/api/deployments/deploy-stack.ts).
        plan.is_protected_early = True
        set_termination_protection(client, plan.stack, enabled=True)
    if not plan.creates:
        set_policy(client, plan.stack, plan.stack_policy)
    newest = events.newest_id(client, arn)
    token = _begin(operations, plan)
    outcome = follow(
        operations,
        Operation.CREATE if plan.creates else Operation.UPDATE,
        arn,
        after=newest,
        token=token,
        logical_ids=[change.logical_id for change in plan.changes],
        deletes_itself=plan.creates
        and planning.is_ephemeral(parameters)
        and not plan.content.express,
    )
    stack = cloudformation.find_stack(client, arn)
    if stack is None or outcome.status not in events.COMPLETIONS:
        raise _failed(operations, outcome)
    return _set_up(operations, plan, stack)


def _set_up(operations: Operations, plan: Plan, stack: Stack) -> Stack:
    """Apply the settings that no change set carries, and return the stack."""
    set_policy(operations.client, stack, plan.stack_policy)
    enabled = wants_termination_protection(plan.content.parameters)
    set_termination_protection(operations.client, stack, enabled=enabled)
    return stack


def _begin(operations: Operations, plan: Plan) -> str:
    """Execute the change set, and return the token of the operation.

    The change set is discarded only if CloudFormation rejects the execution.
    """
    token = cloudformation.unique_name()
    plan.is_executed = True
    try:
        cloudformation.execute_change_set(operations.client, plan.change_set, token)
    except (ClientError, DeploymentError):
        # A creation can have failed, and be gone with its change set, before the second attempt.
        plan.is_executed = events.has_token(operations.client, plan.stack.arn, token)
        if not plan.is_executed:
            raise
    except KeyboardInterrupt:
        message = f"interrupted; see the result with:\n    {operations.command('status')}"
        raise DeploymentError(message, ExitCode.INTERRUPTED, code="interrupted") from None
    return token


def _failed(operations: Operations, outcome: OperationOutcome) -> DeploymentError:
    """Return the error of a failed deployment: the cause, the state it leaves, and what to do."""
    again = "after fixing the cause, run the same command again"
    destroy = f"to delete it, run:\n    {operations.command('destroy')}"
    status = outcome.status
    state = {
        "DELETE_COMPLETE": f"nothing of it is left; {again}",
        "ROLLBACK_COMPLETE": f"its resources were removed; {again}",
        "UPDATE_ROLLBACK_COMPLETE": f"it is as it was before; {again}",
        "UPDATE_ROLLBACK_FAILED": f"it is stuck in {status}; {again}, which rolls it back",
        "DELETE_FAILED": f"it is stuck in {status}; {destroy}",
        "ROLLBACK_FAILED": f"it is stuck in {status}; {destroy}",
    }.get(status, f"it is in {status}; see: {operations.command('status')}")
    lines = [f"{operations.environment.suffix} failed", *outcome.explanation(), state]
    gone = status == "DELETE_COMPLETE"
    exit_code = ExitCode.ROLLED_BACK if gone else planning.exit_code_of(status)
    return DeploymentError(
        "\n  ".join(lines), exit_code, code="deployment-failed", **outcome.details()
    )
