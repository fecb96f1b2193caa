"""Executing a plan, following it to its end, and explaining its failure."""

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation, events, planning
from .cloudformation import Stack
from .deployment import Plan
from .errors import DeploymentError
from .following import OperationOutcome, follow
from .observer import Operation
from .operations import Operations
from .planning import StackAction
from .protection import wants_termination_protection
from .request import DeploymentRequest
from .stack_settings import apply_stack_settings, set_policy, set_termination_protection


def execute(operations: Operations, request: DeploymentRequest, plan: Plan) -> Stack:
    """Execute a plan, follow it to its end, and return the stack.

    Raises:
        DeploymentError: when it fails.

    """
    parameters = plan.content.parameters
    if plan.action is not StackAction.EXECUTE:
        apply_stack_settings(operations, request, plan.stack, parameters)
        return plan.stack
    client, arn = operations.client, plan.stack.arn
    if wants_termination_protection(parameters):
        # On before the first resource exists, so that nothing is ever unprotected.
        plan.is_protected_early = True
        set_termination_protection(operations, plan.stack, enabled=True)
    if not plan.creates:
        set_policy(operations, arn, request)
    newest = events.newest_id(client, arn)
    _begin(operations, plan)
    outcome = follow(
        operations,
        Operation.CREATE if plan.creates else Operation.UPDATE,
        arn,
        after=newest,
        logical_ids=[change.logical_id for change in plan.changes],
        deletes_itself=plan.creates and planning.failure_mode(parameters) == "DELETE",
    )
    stack = cloudformation.find_stack(client, arn)
    if stack is None or outcome.status not in events.COMPLETIONS:
        raise _failed(operations, outcome)
    apply_stack_settings(operations, request, stack, parameters)
    return stack


def _begin(operations: Operations, plan: Plan) -> None:
    """Execute the change set, which is then removed only if that is refused."""
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
        message = f"interrupted; see the result with: {operations.command('status')}"
        raise DeploymentError(message, ExitCode.INTERRUPTED, code="interrupted") from None


def _failed(operations: Operations, outcome: OperationOutcome) -> DeploymentError:
    """Return the error of a failed deployment: the cause, the state it leaves, and what to do."""
    again = "after fixing the cause, run the same command again"
    destroy = f"to delete it, run: {operations.command('destroy')}"
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
