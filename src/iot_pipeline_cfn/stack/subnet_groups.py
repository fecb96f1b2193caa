"""The subnet groups of database and cache; an account may have 50 of RDS by default."""

from troposphere.elasticache import SubnetGroup
from troposphere.rds import DBSubnetGroup

from .context import Context
from .network import Network, Vpc


def add_subnet_groups(context: Context, *, vpc: Vpc) -> Network:
    """Add the groups of the private subnets; return what an environment needs of the network."""
    database = context.add(
        DBSubnetGroup(
            "DatabaseSubnetGroup",
            DBSubnetGroupDescription="Private subnets",
            SubnetIds=vpc.private_subnet_ids(),
        )
    )
    cache = context.add(
        SubnetGroup(
            "CacheSubnetGroup", Description="Private subnets", SubnetIds=vpc.private_subnet_ids()
        )
    )
    return Network(
        vpc_id=vpc.vpc.ref(),
        private_subnet_ids=vpc.private_subnet_ids(),
        private_zones=[subnet.get_att("AvailabilityZone") for subnet in vpc.private_subnets],
        database_subnet_group=database.ref(),
        cache_subnet_group=cache.ref(),
    )
