"""Resources that hold data, and values that must not be shown."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

HIDDEN: Final = "****"
"""Stands for a secret, as in CloudFormation's answers for `NoEcho` parameters."""

SECRET: Final = re.compile(
    r"password|secret(string|value)|token|privatekey|credential"
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
        "AWS::ECR::Repository",  # Container images.
        "AWS::Timestream::Table",  # Measurements.
    }
)
"""Types whose resources hold data that exists nowhere else."""


class DataOutcome(StrEnum):
    """What happens to the data of a resource that is deleted or replaced."""

    LOST = "lost"
    SNAPSHOT = "snapshot"
    RETAINED = "retained"


def holds_data(resource_type: str, policy: object = "") -> bool:
    """Return whether a resource holds data.

    A type that is not known here counts if its deletion or replacement takes a snapshot.
    """
    return resource_type in STATEFUL or data_outcome(policy) is DataOutcome.SNAPSHOT


def data_outcome(policy: object) -> DataOutcome:
    """Return the outcome of the data under a `DeletionPolicy` or `UpdateReplacePolicy`."""
    match policy:
        case "Retain" | "RetainExceptOnCreate":
            return DataOutcome.RETAINED
        case "Snapshot":
            return DataOutcome.SNAPSHOT
    return DataOutcome.LOST


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
            return [masked(item, name) for item in value]
        case str() if SECRET.search(name) and not value.startswith("{{resolve:"):
            return HIDDEN
        case str():
            for pattern in EMBEDDED_SECRETS:
                value = pattern.sub(rf"\1{HIDDEN}", value)
    return value
