"""What updating a property does to its resource, according to AWS's resource schemas.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.changes import UpdateBehavior
from iot_pipeline_cfn.template.schemas import paths, schema_of

SOME_INTERRUPTIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
        "AWS::RDS::DBInstance": frozenset(
            {
                "AutoMinorVersionUpgrade",
                "BackupRetentionPeriod",
                "CACertificateIdentifier",
                "DBInstanceClass",
                "DBParameterGroupName",
                "EngineVersion",
                "MonitoringInterval",
                "MultiAZ",
                "PerformanceInsightsKMSKeyId",
                "PreferredMaintenanceWindow",
            }
        ),
    }
)
"""Properties whose update requires "Some interruptions", which schemas do not contain.

Schemas list some of them as `conditionalCreateOnlyProperties`, because of other database engines.
"""


CUSTOM_RESOURCE: Final = "AWS::CloudFormation::CustomResource"
"""Its provider decides about replacement, like that of every `Custom::` type."""


def update_behavior(
    resource_type: str, path: tuple[str, ...], before: Any, after: Any
) -> UpdateBehavior:
    """Return the behavior of a change of a property.

    Args:
        resource_type: The type. A property of an unknown type may replace its resource.
        path: Names of properties; a list item is `*` or anything in brackets.
        before: The value before the change, or None.
        after: The value after it, or None.

    Raises:
        MissingSchemasError: if AWS's schemas are not installed.

    """
    way = tuple("*" if part.startswith("[") else part for part in path)
    if way[0] in SOME_INTERRUPTIONS.get(resource_type, ()):
        return UpdateBehavior.SOME_INTERRUPTION
    schema = schema_of(resource_type)
    if schema is None or resource_type == CUSTOM_RESOURCE:
        return UpdateBehavior.MAYBE_REPLACEMENT

    def is_listed(entry: str) -> bool:
        return any(_touches(way, listed, before, after) for listed in paths(resource_type, entry))

    if is_listed("createOnlyProperties"):
        return UpdateBehavior.REPLACEMENT
    # Without an update handler, only what CloudFormation itself changes needs no replacement.
    is_updatable = "update" in schema.get("handlers", {"update"})
    if is_listed("conditionalCreateOnlyProperties") or not is_updatable:
        return UpdateBehavior.MAYBE_REPLACEMENT
    return UpdateBehavior.NO_INTERRUPTION


def _touches(way: tuple[str, ...], entry: tuple[str, ...], before: object, after: object) -> bool:
    """Return whether a change affects a property that a schema lists, or a part of it.

    Schemas write a property of list items with or without `*`.
    """
    way = tuple(part for part in way if part != "*")
    entry = tuple(part for part in entry if part != "*")
    if way[: len(entry)] == entry:
        return True
    rest = entry[len(way) :]
    return entry[: len(way)] == way and _has(before, rest) != _has(after, rest)


def _has(value: object, rest: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return any(_has(item, rest) for item in value)
    if not rest:
        return value is not None
    return isinstance(value, Mapping) and _has(value.get(rest[0]), rest[1:])
