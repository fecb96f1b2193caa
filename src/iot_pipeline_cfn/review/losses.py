"""What becomes of data: where what holds it goes, and where it is kept for a shorter time."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource, type_of
from iot_pipeline_cfn.template.stateful import STATEFUL, DataOutcome, data_outcome

from .differences import equal, worded
from .remarks import Remark, Severity, about
from .resources import HOW, Action, Change, Replacement, property_of

OUTCOMES: Final[Mapping[DataOutcome, str]] = MappingProxyType(
    {
        DataOutcome.LOST: "is lost",
        DataOutcome.RETAINED: "is retained outside the stack",
        DataOutcome.SNAPSHOT: "is kept in a snapshot",
    }
)


def losses(
    found: Sequence[Change], before: Mapping[str, Resource], after: Mapping[str, Resource]
) -> Iterator[Remark]:
    """Yield what becomes of the data of each resource that is removed or may be replaced."""
    for change in found:
        if change.resource_type not in STATEFUL:
            continue
        name = change.logical_id
        if change.action is Action.REMOVE:
            attribute, policy, what = "DeletionPolicy", _deletion_policy(before[name]), "is removed"
        elif change.replacement is not Replacement.NO:
            attribute = "UpdateReplacePolicy"
            policy = worded(after[name].get(attribute, "Delete"))
            what = f"{HOW[change.replacement]} by an empty one"
        else:
            continue
        message = (
            f"{what}, and what it holds {OUTCOMES[data_outcome(policy)]} ({attribute}: {policy})"
        )
        yield about(Severity.DATA_LOSS, name, message)


def _deletion_policy(resource: Resource) -> str:
    """Return what becomes of a resource that is removed from a template.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    kind = type_of(resource)
    snapshot = kind == "AWS::RDS::DBCluster" or (
        kind == "AWS::RDS::DBInstance" and property_of(resource, "DBClusterIdentifier") is None
    )
    return worded(resource.get("DeletionPolicy", "Snapshot" if snapshot else "Delete"))


FOREVER: Final = float("inf")

RETENTION: Final[Mapping[tuple[str, str], tuple[float, str]]] = MappingProxyType(
    {
        # The value where there is none, and what is lost where it becomes less.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
        ("AWS::Logs::LogGroup", "RetentionInDays"): (FOREVER, "log events that are older go"),
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod"): (1, "backups that are older go"),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticache-replicationgroup.html
        ("AWS::ElastiCache::ReplicationGroup", "SnapshotRetentionLimit"): (
            0,
            "snapshots that are older go",
        ),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html
        ("AWS::Kinesis::Stream", "RetentionPeriodHours"): (24, "records that are older go"),
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
        ("AWS::SQS::Queue", "MessageRetentionPeriod"): (345600, "messages that are older go"),
    }
)

PROTECTION: Final = frozenset({"DeletionPolicy", "UpdateReplacePolicy"})
STRENGTHS: Final = ("Delete", "Snapshot", "RetainExceptOnCreate", "Retain")


def compare(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> list[Remark]:
    """Return what resources that stay do to their data: keep it for less time, or less safely."""
    return [
        remark
        for name, resource in after.items()
        if name in before and type_of(before[name]) == type_of(resource)
        for remark in (
            *_retention(name, before[name], resource),
            *_protection(name, before[name], resource),
        )
    ]


def _retention(name: str, before: Resource, after: Resource) -> Iterator[Remark]:
    for (kind, key), (default, loss) in RETENTION.items():
        if kind != type_of(after):
            continue
        values = [property_of(side, key) for side in (before, after)]
        old, new = (_number(value, default) for value in values)
        if old is not None and new is not None and new < old:
            kept = [worded(value) or "unset" for value in values]
            yield about(Severity.DATA_LOSS, name, f"{key} becomes less: {loss}", *kept)


def _number(value: Any, default: float) -> float | None:
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _protection(name: str, before: Resource, after: Resource) -> Iterator[Remark]:
    """Yield what keeps the data less safely from now on, though nothing is lost yet."""
    if type_of(after) not in STATEFUL:
        return
    for policy in sorted(PROTECTION):
        old, new = (
            _deletion_policy(side)
            if policy == "DeletionPolicy"
            else worded(side.get(policy, "Delete"))
            for side in (before, after)
        )
        if {old, new} <= {*STRENGTHS} and STRENGTHS.index(new) < STRENGTHS.index(old):
            when = "removed" if policy == "DeletionPolicy" else "replaced"
            outcome = OUTCOMES[data_outcome(new)]
            message = f"what {name} holds {outcome} from now on if it is {when}: {policy}"
            yield Remark(Severity.CHANGE, name, message, old, new)
    old, new = (property_of(side, "DeletionProtection") for side in (before, after))
    if equal(old, True) and not equal(new, True):
        message = "is not protected from deletion any more: DeletionProtection"
        yield about(Severity.CHANGE, name, message, worded(old), worded(new) or "unset")
