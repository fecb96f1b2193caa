"""The snapshots that remain of databases and caches after the deletion of their stack.

CloudFormation chooses the names of final snapshots. RDS and ElastiCache delete automatic snapshots
with the resource, and keep the others:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeSnapshots.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.findings import Value

from .connection import Connection
from .deletion import CACHE, DATABASE, DeletedResource
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
        for resource in resources:
            found += (
                Snapshot(name, resource.logical_id, resource.resource_type)
                for name in _names(operations.connection, resource)
            )
    except (BotoCoreError, ClientError) as error:
        operations.notify("snapshots-unreadable", reason=str(explained(error)))
    return sorted(found, key=lambda each: (each.logical_id, each.name))


def _names(connection: Connection, resource: DeletedResource) -> Iterator[str]:
    if resource.resource_type == DATABASE:
        for page in connection.rds.get_paginator("describe_db_snapshots").paginate(
            DBInstanceIdentifier=resource.physical_id, SnapshotType="manual"
        ):
            yield from (each["DBSnapshotIdentifier"] for each in page["DBSnapshots"])
    elif resource.resource_type == CACHE:
        for found in connection.elasticache.get_paginator("describe_snapshots").paginate(
            ReplicationGroupId=resource.physical_id, SnapshotSource="user"
        ):
            yield from (each["SnapshotName"] for each in found["Snapshots"])
