"""Redis that holds each sensor's newest readings."""

from dataclasses import dataclass

from troposphere import If, Sub, Template
from troposphere.elasticache import ReplicationGroup, SubnetGroup
from troposphere.secretsmanager import GenerateSecretString, Secret

from .context import Environment
from .encryption import Encryption
from .naming import tags
from .network import Network
from .sections import add_choice, add_output
from .security_groups import CACHE_PORT, SecurityGroups

COMPONENT = "cache"
ENGINE_VERSION = "7.1"
SNAPSHOT_DAYS = 7
TOKEN_LENGTH = 64


@dataclass(frozen=True)
class Cache:
    """The replication group and the secret whose whole value is its AUTH token."""

    replication_group: ReplicationGroup
    auth_token: Secret


def add_cache(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    security_groups: SecurityGroups,
) -> Cache:
    """Add the replication group, of one node or of two with failover."""
    node_type = add_choice(
        template,
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
        group="Cache",
        label="Node type",
    )
    auth_token = template.add_resource(
        Secret(
            "CacheAuthToken",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Description="Redis AUTH token",
            # ElastiCache takes 16 to 128 letters, digits and a few signs; these are enough
            # (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html).
            GenerateSecretString=GenerateSecretString(
                ExcludePunctuation=True, PasswordLength=TOKEN_LENGTH
            ),
            KmsKeyId=encryption.key_arn(),
            Tags=tags(environment.suffix, "cache-auth-token", component=COMPONENT),
        )
    )
    subnet_group = template.add_resource(
        SubnetGroup(
            "CacheSubnetGroup",
            Description="Private subnets",
            SubnetIds=[subnet.ref() for subnet in network.private_subnets],
            Tags=tags(environment.suffix, "cache", component=COMPONENT),
        )
    )
    zones = [subnet.get_att("AvailabilityZone") for subnet in network.private_subnets]
    kept = If(environment.is_protected, "Snapshot", "Delete")
    replication_group = template.add_resource(
        ReplicationGroup(
            "Cache",
            DeletionPolicy=kept,
            UpdateReplacePolicy=kept,
            AtRestEncryptionEnabled=True,
            AuthToken=Sub(f"{{{{resolve:secretsmanager:${{{auth_token.title}}}}}}}"),
            AutomaticFailoverEnabled=If(environment.is_multi_zone, True, False),
            CacheNodeType=node_type.ref(),
            CacheSubnetGroupName=subnet_group.ref(),
            Engine="redis",
            EngineVersion=ENGINE_VERSION,
            KmsKeyId=encryption.key_arn(),
            MultiAZEnabled=If(environment.is_multi_zone, True, False),
            NumCacheClusters=If(environment.is_multi_zone, 2, 1),
            Port=CACHE_PORT,
            # One for each node. A change replaces the group, which ElastiCache would refuse to give
            # a second node and failover in one step
            # (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/383).
            PreferredCacheClusterAZs=If(environment.is_multi_zone, zones, zones[:1]),
            ReplicationGroupDescription="Newest readings of each sensor",
            SecurityGroupIds=[security_groups.cache.ref()],
            SnapshotRetentionLimit=If(environment.is_protected, SNAPSHOT_DAYS, 0),
            Tags=tags(environment.suffix, "cache", component=COMPONENT),
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
        (
            "CachePort",
            "Redis port.",
            replication_group.get_att("PrimaryEndPoint.Port"),
        ),
        ("CacheAuthTokenArn", "Secret with the AUTH token.", auth_token.ref()),
    ):
        add_output(template, name, description, value)
    return Cache(replication_group=replication_group, auth_token=auth_token)
