"""What updating a property does to its resource.

By AWS's resource schemas, as far as they say:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.schemas import paths, schema_of


class Behaviour(StrEnum):
    """An update behaviour, from the least to the most."""

    IN_PLACE = "in place"
    INTERRUPTION = "may interrupt"
    MAY_REPLACE = "may replace"
    REPLACEMENT = "replacement"

    @property
    def rank(self) -> int:
        """How much it is, to compare it with others."""
        return [*Behaviour].index(self)


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
"""Properties that are updated with "Some interruptions", which no schema says.

Of these, some are under `conditionalCreateOnlyProperties` because other engines replace for them.
"""


def behaviour(kind: str, path: tuple[str, ...], before: Any, after: Any) -> Behaviour:
    """Return what a change at a path of a resource's properties does.

    Args:
        kind: The type of the resource. What is not known of a type may replace.
        path: Names of properties; an item of a list is `*`, or anything in brackets.
        before: The value that is changed, or None.
        after: What it is changed to, or None.

    Raises:
        MissingSchemasError: when AWS's schemas are not there.

    """
    way = tuple("*" if part.startswith("[") else part for part in path)
    if way[0] in SOME_INTERRUPTIONS.get(kind, ()):
        return Behaviour.INTERRUPTION
    schema = schema_of(kind)
    if schema is None or kind == CUSTOM:
        return Behaviour.MAY_REPLACE
    if any(_touches(way, entry, before, after) for entry in paths(kind, "createOnlyProperties")):
        return Behaviour.REPLACEMENT
    conditional = paths(kind, "conditionalCreateOnlyProperties")
    if any(_touches(way, entry, before, after) for entry in conditional):
        return Behaviour.MAY_REPLACE
    # A type that cannot be updated can only be replaced, but for what CloudFormation itself does.
    return (
        Behaviour.IN_PLACE if "update" in schema.get("handlers", UPDATED) else Behaviour.MAY_REPLACE
    )


UPDATED: Final = frozenset({"update"})
"""What a type that is not described has."""

CUSTOM: Final = "AWS::CloudFormation::CustomResource"
"""Its provider decides on replacement, as that of every `Custom::` type does."""


def _touches(way: tuple[str, ...], entry: tuple[str, ...], before: object, after: object) -> bool:
    """Return whether a change concerns what a schema lists, or a part of it.

    A schema names a property of each item of a list with `*` or without.
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
