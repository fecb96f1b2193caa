"""The snapshots that remain of databases and caches after the deletion of their stack.

CloudFormation chooses the names of final snapshots. RDS and ElastiCache delete automatic snapshots
with the resource, and keep the others:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeSnapshots.html
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.findings import Value

from .concurrency import all_of
from .connection import Connection
from .deletion import DATABASE, DeletedResource
from .errors import explained
from .operations import Operations


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a resource that is deleted."""

    name: str
    logical_id: str
    resource_type: str

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return asdict(self)


def find_snapshots(operations: Operations, resources: Iterable[DeletedResource]) -> list[Snapshot]:
    """Return the snapshots of deleted resources, as far as they can be read."""
    found: list[Snapshot] = []
    try:
        asked = [resource for resource in resources if resource.can_have_snapshots]
        names = all_of(*(partial(_names, operations.connection, each) for each in asked))
        found += [
            Snapshot(name, resource.logical_id, resource.resource_type)
            for resource, some in zip(asked, names, strict=True)
            for name in some
        ]
    except (BotoCoreError, ClientError) as error:
        operations.notify("snapshots-unreadable", reason=str(explained(error)))
    return sorted(found, key=lambda each: (each.logical_id, each.name))


def _names(connection: Connection, resource: DeletedResource) -> list[str]:
    if resource.resource_type == DATABASE:
        databases = connection.rds.get_paginator("describe_db_snapshots").paginate(
            DBInstanceIdentifier=resource.physical_id, SnapshotType="manual"
        )
        return [each["DBSnapshotIdentifier"] for page in databases for each in page["DBSnapshots"]]
    caches = connection.elasticache.get_paginator("describe_snapshots").paginate(
        ReplicationGroupId=resource.physical_id, SnapshotSource="user"
    )
    return [each["SnapshotName"] for page in caches for each in page["Snapshots"]]
