"""The Redis cache, which holds each sensor's newest readings."""

from dataclasses import dataclass

from troposphere import Sub
from troposphere.elasticache import ReplicationGroup
from troposphere.secretsmanager import GenerateSecretString, Secret

from .context import Context
from .network import Network
from .security_groups import CACHE_PORT, SecurityGroups

ENGINE_VERSION = "7.1"
SNAPSHOT_DAYS = 7
TOKEN_LENGTH = 64


@dataclass(frozen=True)
class Cache:
    """The replication group and the secret whose whole value is its AUTH token."""

    replication_group: ReplicationGroup
    auth_token: Secret


def add_cache(context: Context, *, network: Network, security_groups: SecurityGroups) -> Cache:
    """Add the replication group, of one node or of two with failover."""
    node_type = context.add_choice(
        "CacheNodeType",
        [
            "cache.t4g.micro",
            "cache.t4g.small",
            "cache.t4g.medium",
            "cache.m7g.large",
            "cache.r7g.large",
        ],
        default="cache.t4g.micro",
        description="Size of each cache node.",
        label="Node type",
    )
    auth_token = context.add(
        Secret(
            "CacheAuthToken",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Description="Redis AUTH token",
            # ElastiCache takes 16 to 128 letters, digits and some other characters
            # (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html).
            GenerateSecretString=GenerateSecretString(
                ExcludePunctuation=True, PasswordLength=TOKEN_LENGTH
            ),
            KmsKeyId=context.encryption.key_arn(),
        )
    )
    zones = list(network.private_zones)
    policy = context.is_protected.choose("Snapshot", "Delete")
    replication_group = context.add(
        ReplicationGroup(
            "Cache",
            DeletionPolicy=policy,
            UpdateReplacePolicy=policy,
            AtRestEncryptionEnabled=True,
            AuthToken=Sub(f"{{{{resolve:secretsmanager:${{{auth_token.title}}}}}}}"),
            AutomaticFailoverEnabled=context.is_multi_zone.as_bool(),
            CacheNodeType=node_type.ref(),
            CacheSubnetGroupName=network.cache_subnet_group,
            Engine="redis",
            EngineVersion=ENGINE_VERSION,
            KmsKeyId=context.encryption.key_arn(),
            MultiAZEnabled=context.is_multi_zone.as_bool(),
            NumCacheClusters=context.is_multi_zone.choose(2, 1),
            Port=CACHE_PORT,
            # One zone per node. A change replaces the group, because ElastiCache refuses to add a
            # second node and failover in one step
            # (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/383).
            PreferredCacheClusterAZs=context.is_multi_zone.choose(zones, zones[:1]),
            ReplicationGroupDescription="Newest readings of each sensor",
            SecurityGroupIds=[security_groups.cache.ref()],
            SnapshotRetentionLimit=context.is_protected.choose(SNAPSHOT_DAYS, 0),
            TransitEncryptionEnabled=True,
        )
    )
    for name, description, value in (
        ("CacheReplicationGroupId", "Replication group of the cache.", replication_group.ref()),
        (
            "CachePrimaryEndpointAddress",
            "Redis host to write to.",
            replication_group.get_att("PrimaryEndPoint.Address"),
        ),
        (
            "CacheReaderEndpointAddress",
            "Redis host to read from.",
            replication_group.get_att("ReaderEndPoint.Address"),
        ),
        ("CachePort", "Redis port.", replication_group.get_att("PrimaryEndPoint.Port")),
        ("CacheAuthTokenArn", "Secret with the AUTH token.", auth_token.ref()),
    ):
        context.add_output(name, description, value)
    return Cache(replication_group=replication_group, auth_token=auth_token)
