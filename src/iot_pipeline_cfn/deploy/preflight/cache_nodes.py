"""Cache nodes: the quota is of all nodes of a region, in clusters of whichever engine.

https://docs.aws.amazon.com/general/latest/gr/elasticache-service.html#limits_elasticache
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.changes import ResourceChange

from .checking import Finding, Subject
from .consumption import NAMED, Holder, Quota, number

if TYPE_CHECKING:
    from types_boto3_elasticache import ElastiCacheClient

CODE = "cache-nodes"

QUOTA = Quota.of(CODE)

GROUP = "AWS::ElastiCache::ReplicationGroup"
NUMBERS = ("NumCacheClusters", "NumNodeGroups", "ReplicasPerNodeGroup")


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the nodes that a change set adds with those that are left."""
    needed = {
        change.logical_id: added
        for change in subject.changes
        if change.resource_type == GROUP
        and change.action in {"Add", "Modify"}
        and (added := _added(subject, change)) > 0
    }
    if not needed:
        return
    client = subject.connection.elasticache
    nodes: Counter[str] = Counter()
    arns = {}
    for page in client.get_paginator("describe_cache_clusters").paginate():
        for cluster in page["CacheClusters"]:
            name = cluster.get("ReplicationGroupId") or cluster["CacheClusterId"]
            nodes[name] += cluster["NumCacheNodes"]
            # Of others the tags cannot be listed. Those of a group are on its clusters too:
            # https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ListTagsForResource.html
            if cluster["CacheClusterStatus"] == "available":
                arns[name] = cluster["ARN"]
    most = {name: arns[name] for name, _ in nodes.most_common(NAMED) if name in arns}
    yield from QUOTA.findings(
        subject,
        list(needed),
        [Holder(name, amount=amount) for name, amount in nodes.items()],
        needed=sum(needed.values()),
        read_tags=lambda: _tags(client, most),
    )


def _added(subject: Subject, change: ResourceChange) -> int:
    """Return how many nodes a change adds, as far as what was before is known."""
    after = subject.resources.get(change.logical_id, {}).get("Properties", {})
    if change.logical_id in subject.new(GROUP):
        return _nodes(after)
    before = {part.path: part.before for part in change.properties if part.path in NUMBERS}
    return 0 if None in before.values() else _nodes(after) - _nodes({**after, **before})


def _nodes(group: Mapping[str, Any]) -> int:
    """Return how many nodes a replication group has with these properties."""
    alone, groups, replicas = (number(group.get(name)) for name in NUMBERS)
    return alone or max(groups, 1) * (replicas + 1)


def _tags(client: "ElastiCacheClient", arns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the tags of each, by its name: they are listed one at a time."""
    return {
        name: {
            tag["Key"]: tag["Value"]
            for tag in client.list_tags_for_resource(ResourceName=arn)["TagList"]
        }
        for name, arn in arns.items()
    }
