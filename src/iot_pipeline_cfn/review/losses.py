"""Data that an update loses, and data that is kept for a shorter time or less protected."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.changes import Action, Replacement
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity, Value
from iot_pipeline_cfn.template.lookup import Resource, type_of
from iot_pipeline_cfn.template.stateful import DataOutcome, data_outcome, holds_data, policy_of

from .assessment_rules import Assessment
from .assessments import find_rule_changes
from .causes import find_causes
from .differences import alternatives
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes


def find_losses(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield stateful resources that are removed or may be replaced.

    It is no loss where the data is kept.
    """
    causes = find_causes(before, after)
    for change in find_changes(before, after):
        name = change.logical_id
        if change.action is Action.REMOVE:
            code, attribute, resource = "data-removed", "DeletionPolicy", before.resources[name]
        elif change.replacement is not Replacement.NO:
            code, attribute, resource = (
                "data-replaced",
                "UpdateReplacePolicy",
                after.resources[name],
            )
        else:
            continue
        policy = policy_of(resource, attribute)
        if not holds_data(resource, policy):
            continue
        outcome = data_outcome(policy)
        details = {
            "attribute": attribute,
            "data_outcome": outcome,
            "policy": policy,
            "replacement": change.replacement,
        }
        severity = Severity.DATA_LOSS if outcome is DataOutcome.LOST else Severity.CHANGE
        yield Finding(code, severity, name, details, causes.get(name, ()))


def find_data_rule_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that delete their data sooner or protect it less, by the rules.

    Only environments that exist have data to delete.
    """
    for finding in find_rule_changes(before, after, Assessment.DATA):
        if not after.source.is_new or finding.severity is not Severity.DATA_LOSS:
            yield finding


def _kept(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[tuple[str, Resource, Resource]]:
    for name, new in after.resources.items():
        old = before.resources.get(name)
        if old is not None and type_of(old) == type_of(new):
            yield name, old, new


PROTECTION: Final = MappingProxyType(
    {"Delete": 0, "Snapshot": 1, "RetainExceptOnCreate": 2, "Retain": 3}
)
"""How well each policy protects data."""


def find_weaker_protection(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield stateful resources that are less protected, although the update loses nothing."""
    for name, old, new in _kept(before, after):
        if not holds_data(new):
            continue
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
            was, is_now = policy_of(old, attribute), policy_of(new, attribute)
            if any(
                PROTECTION.get(str(one), 0) > PROTECTION.get(str(other), 0)
                for one, other in alternatives(was, is_now)
            ):
                details: dict[str, Value] = {"attribute": attribute, "before": was, "after": is_now}
                details["data_outcome"] = data_outcome(is_now)
                yield Finding("data-policy-weakened", Severity.WARNING, name, details)
