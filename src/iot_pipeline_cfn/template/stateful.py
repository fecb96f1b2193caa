"""Resources that hold data, and values that must not be shown."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from .lookup import Resource, possible_values, properties_of, type_of

HIDDEN: Final = "****"
"""Stands for a secret, as in CloudFormation's answers for `NoEcho` parameters."""

SECRET: Final = re.compile(
    r"password|secret(string|value|$)|(?<!http)token|privatekey|credential"
    r"|api[-_]?key(?!id|name|required|source)",
    re.IGNORECASE,
)
"""Names of properties whose values are not shown."""

EMBEDDED_SECRETS: Final = (
    re.compile(r"(://[^/\s:@]*:)(?!\$\{|\{\{)[^/\s@]+(?=@)"),
    re.compile(
        r"(--?[\w-]*(?:password|secret|token|api-?key)[\w-]*[= ])(?!\$\{|\{\{)\S+", re.IGNORECASE
    ),
)
"""Passwords in URLs and in options of a command; a reference is not a secret."""

PUBLIC: Final = re.compile(r"(true|false)$|\{\{resolve:|\$\{")
"""Values that are not secret whatever their name: switches and references."""

SECRET_OPTION: Final = re.compile(r"--?[\w-]*(?:password|secret|token|api-?key)", re.IGNORECASE)
"""An option of a command whose value is the next item of a list."""

STATEFUL: Final = frozenset(
    {
        # cfn-lint's StatefulResources.json. It is copied because deployments do not need cfn-lint.
        "AWS::Backup::BackupVault",
        "AWS::CloudFormation::Stack",
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DocDB::DBInstance",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::EFS::FileSystem",
        "AWS::EMR::Cluster",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Elasticsearch::Domain",
        "AWS::FSx::FileSystem",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::Neptune::DBCluster",
        "AWS::Neptune::DBInstance",
        "AWS::OpenSearchService::Domain",
        "AWS::Organizations::Account",
        "AWS::QLDB::Ledger",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::SDB::Domain",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        # Additions: types that cfn-lint's list lacks.
        "AWS::AmazonMQ::Broker",  # Messages.
        "AWS::Aps::Workspace",  # Metrics.
        "AWS::Cassandra::Keyspace",  # Tables.
        "AWS::Cassandra::Table",  # Rows.
        "AWS::CloudTrail::EventDataStore",  # Events.
        "AWS::CodeArtifact::Repository",  # Packages.
        "AWS::CodeCommit::Repository",  # Source code.
        "AWS::Cognito::IdentityPool",  # Identities of users.
        "AWS::Cognito::UserPoolUser",  # A password.
        "AWS::DSQL::Cluster",  # A database.
        "AWS::DirectoryService::MicrosoftAD",  # Users and groups.
        "AWS::DirectoryService::SimpleAD",  # Users and groups.
        "AWS::DocDBElastic::Cluster",  # A database.
        "AWS::EC2::Instance",  # The root volume, which is deleted with it by default.
        "AWS::ECR::PublicRepository",  # Container images.
        "AWS::ECR::Repository",  # Container images.
        "AWS::ElastiCache::ServerlessCache",  # Cached items.
        "AWS::Events::Archive",  # Events.
        "AWS::FSx::Volume",  # Files.
        "AWS::Glue::Database",  # Tables and partitions that crawlers and jobs have added.
        "AWS::Glue::Table",  # Partitions that crawlers and jobs have added.
        "AWS::HealthLake::FHIRDatastore",  # Health records.
        "AWS::Kendra::Index",  # Documents.
        "AWS::KinesisVideo::Stream",  # Video.
        "AWS::Lightsail::Bucket",  # Objects.
        "AWS::Lightsail::Database",  # A database.
        "AWS::Lightsail::Disk",  # Files.
        "AWS::Lightsail::Instance",  # Its disk.
        "AWS::MSK::Cluster",  # Messages.
        "AWS::MSK::ServerlessCluster",  # Messages.
        "AWS::MemoryDB::Cluster",  # A database.
        "AWS::NeptuneGraph::Graph",  # A graph.
        "AWS::OpenSearchServerless::Collection",  # Documents.
        "AWS::RedshiftServerless::Namespace",  # A database.
        "AWS::Route53::HostedZone",  # Records of others, and the name servers that others use.
        "AWS::S3Express::DirectoryBucket",  # Objects.
        "AWS::S3Outposts::Bucket",  # Objects.
        "AWS::S3Tables::Table",  # Rows.
        "AWS::S3Tables::TableBucket",  # Tables.
        "AWS::S3Vectors::Index",  # Vectors.
        "AWS::S3Vectors::VectorBucket",  # Vectors.
        "AWS::SageMaker::Domain",  # Files of users.
        "AWS::SageMaker::NotebookInstance",  # Its disk.
        "AWS::Serverless::SimpleTable",  # SAM makes a DynamoDB table of it.
        "AWS::Timestream::Database",  # Tables.
        "AWS::Timestream::InfluxDBInstance",  # Measurements.
        "AWS::Timestream::Table",  # Measurements.
        "AWS::WorkSpaces::Workspace",  # Files of its user.
    }
)
"""Types whose resources hold data that exists nowhere else.

`AWS::SSM::Parameter` is none of them, because its value is in the template.
"""

CLUSTER_INSTANCES: Final = frozenset(
    {"AWS::DocDB::DBInstance", "AWS::Neptune::DBInstance", "AWS::RDS::DBInstance"}
)
"""Types whose resources hold no data within a cluster, which holds it.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.html
"""


class DataOutcome(StrEnum):
    """What happens to the data of a resource that is deleted or replaced, the worst first."""

    LOST = "lost"
    SNAPSHOT = "snapshot"
    RETAINED = "retained"


OUTCOMES: Final = MappingProxyType(
    {
        "Retain": DataOutcome.RETAINED,
        "RetainExceptOnCreate": DataOutcome.RETAINED,
        "Snapshot": DataOutcome.SNAPSHOT,
    }
)
"""The outcomes of policies; with any other, the data is lost."""


def holds_data(resource: Resource, policy: object = "") -> bool:
    """Return whether a resource holds data.

    A type that is not known here counts if its deletion or replacement takes a snapshot.
    """
    resource_type = type_of(resource)
    is_in_cluster = properties_of(resource).get("DBClusterIdentifier") is not None
    if resource_type in CLUSTER_INSTANCES and is_in_cluster:
        return False
    return resource_type in STATEFUL or data_outcome(policy) is DataOutcome.SNAPSHOT


def policy_of(resource: Resource, attribute: str) -> object:
    """Return the `DeletionPolicy` or the `UpdateReplacePolicy` of a resource.

    The default of the deletion policy depends on the type.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    resource_type = type_of(resource)
    takes_snapshot = resource_type == "AWS::RDS::DBCluster" or (
        resource_type == "AWS::RDS::DBInstance"
        and properties_of(resource).get("DBClusterIdentifier") is None
    )
    is_snapshot = takes_snapshot and attribute == "DeletionPolicy"
    return resource.get(attribute, "Snapshot" if is_snapshot else "Delete")


def data_outcome(policy: object) -> DataOutcome:
    """Return the worst outcome of the data under a `DeletionPolicy` or `UpdateReplacePolicy`."""
    found = {OUTCOMES.get(str(each), DataOutcome.LOST) for each in possible_values(policy)}
    return next((each for each in DataOutcome if each in found), DataOutcome.LOST)


def masked(value: Any, name: str) -> Any:
    """Return a value of a template in which stars replace secrets, which their names tell.

    `name` is the name or the path of the property. A reference is not a secret.
    """
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _}:
            return value
        case {"Key": str(label), "Value": item} | {"Name": str(label), "Value": item}:
            return {**value, "Value": masked(item, f"{name} {label}")}
        case Mapping():
            return {
                key: masked(item, f"{name} {key}" if str(key).startswith("Fn::") else str(key))
                for key, item in value.items()
            }
        case list():
            options = ["", *map(str, value)]
            return [
                masked(item, f"{name} {option}" if SECRET_OPTION.fullmatch(option) else name)
                for option, item in zip(options, value, strict=False)
            ]
        case str() if SECRET.search(name) and not PUBLIC.match(value):
            return HIDDEN
        case str():
            for pattern in EMBEDDED_SECRETS:
                value = pattern.sub(rf"\1{HIDDEN}", value)
    return value
