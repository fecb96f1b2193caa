"""The cache: engine, encryption, nodes, and snapshots."""

import pytest

from resolution import only, resolve


def cache_of(template, given):
    return only(resolve(template, given), "ElastiCache::ReplicationGroup")


def test_cache_is_redis_7_1_encrypted_and_requires_the_token(template):
    cache = cache_of(template, {})
    assert (cache["Engine"], cache["EngineVersion"], cache["Port"]) == ("redis", "7.1", 6379)
    assert cache["AtRestEncryptionEnabled"] is cache["TransitEncryptionEnabled"] is True
    assert cache["AuthToken"] == {"Fn::Sub": "{{resolve:secretsmanager:${CacheAuthToken}}}"}


def test_cache_is_in_the_private_subnets(environments):
    """Without a subnet group, ElastiCache uses the default VPC of the account."""
    for environment in environments.values():
        cache = only(environment, "ElastiCache::ReplicationGroup")
        assert cache["CacheSubnetGroupName"] == {"Ref": "CacheSubnetGroup"}


def test_token_has_characters_that_elasticache_accepts(template):
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html."""
    secret = resolve(template, {})["Resources"]["CacheAuthToken"]["Properties"]
    generated = secret["GenerateSecretString"]
    assert generated == {"ExcludePunctuation": True, "PasswordLength": 64}


@pytest.mark.parametrize(("availability", "nodes"), [("single-zone", 1), ("multi-zone", 2)])
def test_availability_decides_the_number_of_nodes_and_failover(template, availability, nodes):
    cache = cache_of(template, {"Availability": availability})
    assert cache["NumCacheClusters"] == len(cache["PreferredCacheClusterAZs"]) == nodes
    assert cache["AutomaticFailoverEnabled"] is cache["MultiAZEnabled"] is (nodes == 2)


@pytest.mark.parametrize(("durability", "days"), [("ephemeral", 0), ("protected", 7)])
def test_durability_decides_how_long_snapshots_are_kept(template, durability, days):
    assert cache_of(template, {"Durability": durability})["SnapshotRetentionLimit"] == days
