"""Which resources hold data that nothing else has, and which values must not be shown."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

SECRET: Final = re.compile(
    r"password|secret(string|value)|token|privatekey|credential", re.IGNORECASE
)
"""Values of properties that are called so are not shown, whatever they are."""

STATEFUL: Final = frozenset(
    {
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::FSx::FileSystem",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::Timestream::Table",
    }
)
"""Types whose resources hold what nothing else does."""

KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Retain": "is kept outside the stack",
        "RetainExceptOnCreate": "is kept outside the stack",
        "Snapshot": "is kept in a snapshot",
    }
)
"""What becomes of the data of a resource that goes, by its policy; with any other it is lost."""


def fate(policy: object) -> str:
    """Return in words what becomes of what a resource holds that goes with this policy."""
    return KEPT.get(str(policy), "is lost")


def masked(value: Any, name: str) -> Any:
    """Return a value of a template with its secrets as stars, going by what they are called.

    `name` is that of the property, or its path. A reference is no secret.
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
            return "****"
    return value
