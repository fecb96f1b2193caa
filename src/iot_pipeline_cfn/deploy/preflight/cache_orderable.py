"""What ElastiCache sells: a node type, and a version of an engine.

Nothing tells which node types can be had in a region. Those can surely of which nodes can be
reserved there; that of a type none can be reserved proves nothing, and is only a warning. In which
zones of the region it can be had is not known at all.
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeReservedCacheNodesOfferings.html
"""

from collections.abc import Iterator
from typing import Any

from .checking import Finding, Severity, Subject

CODE = "cache-orderable"

CACHE = "AWS::ElastiCache::ReplicationGroup"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether each cache that is new, or changes in what is ordered, can be ordered."""
    region = subject.connection.region
    # What runs a version or on a node that is not sold any more keeps it.
    for logical_id, properties in subject.touched(CACHE, "Engine", "EngineVersion").items():
        engine, version = properties.get("Engine"), properties.get("EngineVersion")
        # 7.1 is also what the newest of 7.1.x is called.
        versions = _versions(subject, engine)
        if not any(f"{one}.".startswith(f"{version}.") for one in versions):
            message = (
                f"{logical_id}: {engine} {version} is not sold in {region}, but "
                f"{', '.join(versions)} are: change ENGINE_VERSION in cache.py, and make template"
            )
            yield Finding(CODE, Severity.ERROR, message, [logical_id])
    for logical_id, properties in subject.touched(CACHE, "CacheNodeType").items():
        node_type = properties.get("CacheNodeType")
        if not _is_offered(subject, node_type):
            message = (
                f"{logical_id}: {node_type} is probably not sold in {region}, where none can be "
                "reserved; choose another CacheNodeType"
            )
            yield Finding(CODE, Severity.WARNING, message, [logical_id])


def _versions(subject: Subject, engine: Any) -> list[str]:
    pages = subject.connection.elasticache.get_paginator("describe_cache_engine_versions").paginate(
        Engine=engine
    )
    return [one["EngineVersion"] for page in pages for one in page["CacheEngineVersions"]]


def _is_offered(subject: Subject, node_type: Any) -> bool:
    pages = subject.connection.elasticache.get_paginator(
        "describe_reserved_cache_nodes_offerings"
    ).paginate(CacheNodeType=node_type)
    return any(page["ReservedCacheNodesOfferings"] for page in pages)
