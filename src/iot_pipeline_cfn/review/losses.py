"""Data that an update loses, and data that is kept for a shorter time or less protected."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.changes import Action, Replacement
from iot_pipeline_cfn.template.findings import Finding, Findings, Severity, Value
from iot_pipeline_cfn.template.lookup import Resource, properties_of, type_of
from iot_pipeline_cfn.template.stateful import DataOutcome, data_outcome, holds_data, policy_of

from .differences import alternatives, equal
from .resolved import ResolvedEnvironment
from .resource_changes import find_causes, find_changes


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


FOREVER: Final = float("inf")

RETENTION: Final[Mapping[tuple[str, str], tuple[float, str]]] = MappingProxyType(
    {
        # The default, and the data that is deleted when the value is reduced.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
        ("AWS::Logs::LogGroup", "RetentionInDays"): (FOREVER, "events"),
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod"): (1, "backups"),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticache-replicationgroup.html
        ("AWS::ElastiCache::ReplicationGroup", "SnapshotRetentionLimit"): (0, "snapshots"),
    }
)


def find_shorter_retention(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Findings:
    """Yield resources that keep their data for a shorter time."""
    if after.source.is_new:
        return
    for name, old, new in _kept(before, after):
        for (resource_type, key), (default, data) in RETENTION.items():
            values = [properties_of(side).get(key) for side in (old, new)]
            was, is_now = (_number(value, default) for value in values)
            if type_of(new) != resource_type or was is None or is_now is None:
                continue
            if is_now < was:
                details = {"property": key, "data": data, "before": values[0], "after": values[1]}
                yield Finding("retention-reduced", Severity.DATA_LOSS, name, details)


def _kept(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[tuple[str, Resource, Resource]]:
    for name, new in after.resources.items():
        old = before.resources.get(name)
        if old is not None and type_of(old) == type_of(new):
            yield name, old, new


def _number(value: Any, default: float) -> float | None:
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


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
                yield Finding("data-policy-weakened", Severity.CHANGE, name, details)
        values = [properties_of(side).get("DeletionProtection") for side in (old, new)]
        if equal(values[0], True) and not equal(values[1], True):
            sides = {"before": values[0], "after": values[1]}
            yield Finding("deletion-protection-removed", Severity.CHANGE, name, sides)
