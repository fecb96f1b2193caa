"""Simulations of the policies of roles that have a path, and of conditions on unknown values.

ministack takes the path of a role for a part of its name, and names no missing context values:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import iam

from .resource_types import wrap

Policies = list[list[iam_evaluator.ParsedStatement]]
NONE_MISSING = "<MissingContextValues></MissingContextValues>"


def patch() -> None:
    """Patch the search for the policies of a role, and the results of simulations."""
    wrap(iam_evaluator, "_gather_role_policies", ignore_path)
    wrap(iam, "_build_simulate_results_real", name_missing_values)


def ignore_path(gather: Callable[[str, str], Policies]) -> Callable[[str, str], Policies]:
    """Find the policies of a role by its name alone, which is unique in an account."""
    return lambda role, account: gather(role.rpartition("/")[2], account)


def name_missing_values(build: Callable[..., str]) -> Callable[..., str]:
    """Name the context values that the policies have conditions on and that are not known."""

    def patched(
        actions: Sequence[str], resource: str, principal: str, account: str, policies: Policies
    ) -> str:
        text = ""
        for action in actions:
            context = iam_evaluator.EvalContext(
                principal_arn=principal,
                principal_type="User",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=get_region(),
            )
            missing = "".join(f"<member>{key}</member>" for key in _missing(context, policies))
            named = f"<MissingContextValues>{missing}</MissingContextValues>"
            result = build([action], resource, principal, account, policies)
            text += result.replace(NONE_MISSING, named)
        return text

    return patched


def _missing(context: Any, policies: Policies) -> list[str]:
    """Return the context values without which the statements about a request cannot be judged."""
    keys = {
        key
        for statements in policies
        for each in statements
        if iam_evaluator._action_matches(context.action, each.actions, each.not_actions)
        if iam_evaluator._resource_matches(context.resource_arn, each.resources, each.not_resources)
        for condition in each.conditions.values()
        for key in condition
    }
    return sorted(key for key in keys if iam_evaluator._resolve_condition_key(key, context) is None)
