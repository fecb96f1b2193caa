"""The execution of plans: following a change set to its end, and explaining its failure."""

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameters import NETWORK_PARAMETER, SLOT_PARAMETER

from . import cloudformation, events, planning
from .cloudformation import Stack
from .concurrency import both
from .deployment import Plan
from .errors import DeploymentError
from .following import OperationOutcome, follow
from .network_use import require_free_slot
from .observer import Operation
from .operations import Operations
from .protection import (
    Setting,
    set_policy,
    set_termination_protection,
    wants_termination_protection,
)


def execute(operations: Operations, plan: Plan) -> Stack:
    """Execute a plan, follow it to its end, and return the stack."""
    if plan.empty:
        _set_policy(operations, plan)
        return _protect(operations, plan, plan.stack)
    client, arn, parameters = operations.client, plan.stack.arn, plan.content.parameters
    newest, _ = both(
        lambda: events.newest_id(client, arn), lambda: _require_executable(operations, plan)
    )
    if wants_termination_protection(parameters):
        # On before the first resource exists, so that nothing is ever unprotected, as by the CDK
        # (https://github.com/aws/aws-cdk-cli/blob/main/packages/%40aws-cdk/toolkit-lib/lib/api/deployments/deploy-stack.ts).
        plan.is_protected_early = True
        set_termination_protection(client, plan.stack, enabled=True)
    if not plan.creates:
        _set_policy(operations, plan)
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
    if plan.creates:
        _set_policy(operations, plan)
    return _protect(operations, plan, stack)


def _require_executable(operations: Operations, plan: Plan) -> None:
    """Require that the change set, and the slot in a network, can still be had."""
    cloudformation.require_available(operations.client, plan.change_set)
    if slot := plan.content.sent.get(SLOT_PARAMETER):
        require_free_slot(operations, slot, plan.content.parameters[NETWORK_PARAMETER])


def _set_policy(operations: Operations, plan: Plan) -> None:
    """Set the stack policy, unless the stack has it already; a new stack has none."""
    if (plan.creates and plan.stack_policy) or Setting.STACK_POLICY in plan.settings:
        set_policy(operations.client, plan.stack, plan.stack_policy)


def _protect(operations: Operations, plan: Plan, stack: Stack) -> Stack:
    """Switch termination protection on or off, and return the stack."""
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
