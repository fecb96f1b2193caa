"""Changes of resources: the one model of what reviews predict and change sets contain.

The values of the enumerations are those of `ResourceChange` in CloudFormation's API:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .findings import Value


class Action(StrEnum):
    """What happens to a resource."""

    ADD = "Add"
    MODIFY = "Modify"
    REMOVE = "Remove"
    IMPORT = "Import"
    DYNAMIC = "Dynamic"
    SYNC_WITH_ACTUAL = "SyncWithActual"
    UNKNOWN = "Unknown"
    """An action that AWS has added since this was written."""


class Replacement(StrEnum):
    """Whether a resource is replaced."""

    NO = "False"
    MAYBE = "Conditional"
    YES = "True"


class UpdateBehavior(StrEnum):
    """What updating a property does to its resource, from the least to the most.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    NO_INTERRUPTION = "no-interruption"
    SOME_INTERRUPTION = "some-interruption"
    MAYBE_REPLACEMENT = "maybe-replacement"
    REPLACEMENT = "replacement"

    @property
    def rank(self) -> int:
        """The position in the order of behaviors; the least has 0."""
        return _RANKS[self]

    @property
    def replacement(self) -> Replacement:
        """Whether it replaces the resource."""
        return {
            UpdateBehavior.REPLACEMENT: Replacement.YES,
            UpdateBehavior.MAYBE_REPLACEMENT: Replacement.MAYBE,
        }.get(self, Replacement.NO)


_RANKS = {behavior: rank for rank, behavior in enumerate(UpdateBehavior)}


SOME_INTERRUPTIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
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
                "Port",
                "PreferredMaintenanceWindow",
            }
        ),
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html
        # https://github.com/aws/aws-cdk/issues/34215
        "AWS::RDS::DBCluster": frozenset({"EngineVersion", "StorageType"}),
        # https://docs.aws.amazon.com/documentdb/latest/developerguide/API_ModifyDBCluster.html
        "AWS::DocDB::DBCluster": frozenset({"EngineVersion"}),
        "AWS::DocDB::DBInstance": frozenset({"DBInstanceClass"}),
        # https://docs.aws.amazon.com/neptune/latest/apiref/API_ModifyDBCluster.html
        "AWS::Neptune::DBCluster": frozenset({"EngineVersion"}),
        "AWS::Neptune::DBInstance": frozenset({"DBInstanceClass"}),
        # https://docs.aws.amazon.com/redshift/latest/APIReference/API_ModifyCluster.html
        "AWS::Redshift::Cluster": frozenset({"ClusterType", "NodeType", "NumberOfNodes"}),
        # https://docs.aws.amazon.com/ts-influxdb/latest/ts-influxdb-api/API_UpdateDbInstance.html
        "AWS::Timestream::InfluxDBInstance": frozenset({"Port"}),
    }
)
"""Properties whose update requires "Some interruptions", by resource type.

Schemas do not contain that. They list some of the properties as `conditionalCreateOnlyProperties`,
because of other database engines, and change sets may therefore call a replacement conditional.
"""


@dataclass(frozen=True)
class PropertyChange:
    """A property or an attribute whose value changes, or that refers to a resource that changes.

    Attributes:
        path: Where it is, such as `ContainerDefinitions[web].Image`.
        behavior: What the update does to the resource.
        before: The value before the change; None where there is none or it is not known.
        after: The value after it, likewise.
        because_of: The resource or parameter whose change it follows from; empty for a cause.
        cause_replacement: Whether the resource in `because_of` is replaced.

    """

    path: str
    behavior: UpdateBehavior = UpdateBehavior.NO_INTERRUPTION
    before: Value = field(default=None, hash=False)
    after: Value = field(default=None, hash=False)
    because_of: str = ""
    cause_replacement: Replacement = Replacement.NO

    @property
    def name(self) -> str:
        """The top-level property, without what is inside it."""
        return self.path.partition(".")[0].partition("[")[0]

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "path": self.path,
            "behavior": self.behavior,
            "before": self.before,
            "after": self.after,
            "because_of": self.because_of,
        }


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource.

    Attributes:
        action: What happens to it.
        logical_id: Its logical ID.
        resource_type: Its type, such as `AWS::EC2::VPC`.
        replacement: Whether it is replaced.
        properties: The properties and attributes that change.
        physical_id: Its physical ID, where it exists and a change set names it.
        policy_action: What a change set says becomes of the old resource, such as `Snapshot`.

    """

    action: Action
    logical_id: str
    resource_type: str
    replacement: Replacement = Replacement.NO
    properties: tuple[PropertyChange, ...] = ()
    physical_id: str = ""
    policy_action: str = ""

    @property
    def creates(self) -> bool:
        """Whether a new physical resource is certainly created: an addition or a replacement."""
        return self.action is Action.ADD or self.replacement is Replacement.YES

    @property
    def may_delete(self) -> bool:
        """Whether the existing physical resource goes, or may go.

        `Dynamic` means that CloudFormation cannot tell the action.
        """
        unknown = self.action in {Action.DYNAMIC, Action.UNKNOWN}
        return unknown or self.action is Action.REMOVE or self.replacement is not Replacement.NO

    @property
    def behavior(self) -> UpdateBehavior:
        """The most that any of its properties does to the resource."""
        return max(
            (part.behavior for part in self.properties),
            key=lambda behavior: behavior.rank,
            default=UpdateBehavior.NO_INTERRUPTION,
        )

    @property
    def deciding_properties(self) -> tuple[PropertyChange, ...]:
        """The properties that do the most to the resource."""
        return tuple(part for part in self.properties if part.behavior is self.behavior)

    @property
    def is_consequence(self) -> bool:
        """Whether the resource changes only because others do."""
        return bool(self.properties) and all(part.because_of for part in self.properties)

    @property
    def replacing_properties(self) -> tuple[PropertyChange, ...]:
        """The properties that cause a replacement, or may cause it."""
        return tuple(
            part for part in self.properties if part.behavior.replacement is not Replacement.NO
        )

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "action": self.action,
            "logical_id": self.logical_id,
            "resource_type": self.resource_type,
            "replacement": self.replacement,
            "physical_id": self.physical_id,
            "policy_action": self.policy_action,
            "properties": [part.as_data() for part in self.properties],
        }
