"""The traffic matrix: which part may open a connection to which, and no other.

The ingress rules of a group are in its body. An egress rule to another group is a resource of its
own, because two groups that name each other in their bodies are a circular dependency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from troposphere import AWSHelperFn, If
from troposphere.ec2 import (
    SecurityGroup,
    SecurityGroupEgress,
    SecurityGroupIngress,
    SecurityGroupRule,
)

from .conditions import Condition
from .context import Context
from .ingress import HTTP_PORT, HTTPS_PORT, Ingress
from .network import ANYWHERE, Network, Vpc

CONTAINER_PORT = 8080
DATABASE_PORT = 5432
CACHE_PORT = 6379

STORES = (("Database", "PostgreSQL", DATABASE_PORT), ("Cache", "Redis", CACHE_PORT))
TO_CONTAINERS = "Requests and health checks to the containers"
FROM_CONTAINERS = "HTTPS from the containers"


@dataclass(frozen=True)
class LoadBalancerGroups:
    """The security groups in front of the containers; `vpc_link` has private ingress only.

    `public_https` lets HTTPS in where ingress is public and there is a certificate.
    """

    public_https: SecurityGroupIngress
    vpc_link: SecurityGroup
    load_balancer: SecurityGroup


@dataclass(frozen=True)
class SecurityGroups:
    """The security groups of an environment's containers, database and cache."""

    container: SecurityGroup
    database: SecurityGroup
    cache: SecurityGroup


def add_load_balancer_groups(
    context: Context, *, vpc: Vpc, ingress: Ingress, targets: Sequence[str] = ()
) -> LoadBalancerGroups:
    """Add the groups of VPC link and load balancer, which may call targets in these ranges."""
    add = partial(_add_group, context, vpc.vpc.ref())
    is_private = ingress.uses_private_ingress
    vpc_link = add("VpcLinkSecurityGroup", "VPC link", condition=is_private)
    load_balancer = add(
        "LoadBalancerSecurityGroup",
        "Load balancer",
        # The VPC link is let in on both ports, so that a change of the certificate does not close
        # the port that the API still calls.
        rules=is_private.choose(
            [
                _from_group("HTTP from the API", vpc_link.ref(), HTTP_PORT),
                _from_group("HTTPS from the API", vpc_link.ref(), HTTPS_PORT),
            ],
            [_addresses("HTTP from anywhere", HTTP_PORT)],
        ),
        egress=[_addresses(TO_CONTAINERS, CONTAINER_PORT, cidr) for cidr in targets],
    )
    # A resource of its own, which is deleted at the end of an update, when the API has stopped
    # calling it.
    public_https = context.add(
        SecurityGroupIngress(
            "LoadBalancerHttpsIngress",
            CidrIp=ANYWHERE,
            Description="HTTPS from anywhere",
            FromPort=HTTPS_PORT,
            GroupId=load_balancer.ref(),
            IpProtocol="tcp",
            ToPort=HTTPS_PORT,
        ),
        condition=ingress.has_public_https,
    )
    for scheme, port in (("", HTTP_PORT), ("Https", HTTPS_PORT)):
        _add_egress(
            context,
            f"VpcLink{scheme}EgressToLoadBalancer",
            f"{scheme.upper() or 'HTTP'} to the load balancer",
            source=vpc_link,
            destination=load_balancer,
            port=port,
            condition=is_private,
        )
    return LoadBalancerGroups(
        public_https=public_https, vpc_link=vpc_link, load_balancer=load_balancer
    )


def add_security_groups(
    context: Context, *, network: Network, load_balancer: AWSHelperFn
) -> SecurityGroups:
    """Add the groups of an environment's own parts, behind the group of a load balancer."""
    add = partial(_add_group, context, network.vpc_id)
    container = add(
        "ContainerSecurityGroup",
        "Containers",
        rules=[_from_group("Requests from the load balancer", load_balancer, CONTAINER_PORT)],
        # Image layers come from S3, whose prefix list CloudFormation cannot look up.
        egress=[
            _addresses("HTTPS to the endpoints, to S3 and through the NAT gateway", HTTPS_PORT)
        ],
    )
    groups = [
        add(
            f"{part}SecurityGroup",
            part,
            rules=[_from_group(f"{protocol} from the containers", container.ref(), port)],
        )
        for part, protocol, port in STORES
    ]
    for (part, protocol, port), group in zip(STORES, groups, strict=True):
        _add_egress(
            context,
            f"ContainerEgressTo{part}",
            f"{protocol} to the {part.lower()}",
            source=container,
            destination=group,
            port=port,
        )
    database, cache = groups
    return SecurityGroups(container=container, database=database, cache=cache)


def add_endpoints_group(context: Context, *, vpc: Vpc, groups: SecurityGroups) -> SecurityGroup:
    """Add the group of the endpoints of one environment."""
    return _add_group(
        *(context, vpc.vpc.ref(), "EndpointsSecurityGroup", "VPC endpoints"),
        rules=[_from_group(FROM_CONTAINERS, groups.container.ref(), HTTPS_PORT)],
    )


def add_shared_endpoints_group(
    context: Context, *, vpc: Vpc, cidrs: Sequence[str]
) -> SecurityGroup:
    """Add the group of shared endpoints, which the addresses of the containers reach.

    No environment changes it: who may add a rule to it could add one to any group of the network.
    """
    return _add_group(
        *(context, vpc.vpc.ref(), "EndpointsSecurityGroup", "VPC endpoints"),
        rules=[_addresses(FROM_CONTAINERS, HTTPS_PORT, cidr) for cidr in cidrs],
    )


def add_egress_to_containers(
    context: Context, *, load_balancer: SecurityGroup, groups: SecurityGroups
) -> None:
    """Let the load balancer of one environment call its containers."""
    _add_egress(
        context,
        "LoadBalancerEgressToContainers",
        TO_CONTAINERS,
        source=load_balancer,
        destination=groups.container,
        port=CONTAINER_PORT,
    )


def _add_group(
    context: Context,
    vpc_id: AWSHelperFn,
    title: str,
    description: str,
    *,
    rules: Sequence[SecurityGroupRule] | If = (),
    egress: Sequence[SecurityGroupRule] = (),
    condition: Condition | None = None,
) -> SecurityGroup:
    group = SecurityGroup(
        title,
        GroupDescription=description,
        SecurityGroupEgress=[*egress] or [_no_egress()],
        VpcId=vpc_id,
    )
    if rules:
        group.SecurityGroupIngress = rules
    context.add(group, condition=condition)
    context.add_output(
        f"{title}Id", f"Security group: {description}.", group.ref(), condition=condition
    )
    return group


def _add_egress(
    context: Context,
    title: str,
    description: str,
    *,
    source: SecurityGroup,
    destination: SecurityGroup,
    port: int,
    condition: Condition | None = None,
) -> None:
    """Add an egress rule to another group; the ingress rule is in the body of that group."""
    rule = SecurityGroupEgress(
        title,
        Description=description,
        DestinationSecurityGroupId=destination.ref(),
        FromPort=port,
        GroupId=source.ref(),
        IpProtocol="tcp",
        ToPort=port,
    )
    context.add(rule, condition=condition)


def _from_group(description: str, source: AWSHelperFn, port: int) -> SecurityGroupRule:
    return SecurityGroupRule(
        Description=description,
        FromPort=port,
        IpProtocol="tcp",
        SourceSecurityGroupId=source,
        ToPort=port,
    )


def _addresses(description: str, port: int, cidr: str = ANYWHERE) -> SecurityGroupRule:
    """Return a rule for connections from, or to, the addresses of a range."""
    return SecurityGroupRule(
        CidrIp=cidr, Description=description, FromPort=port, IpProtocol="tcp", ToPort=port
    )


def _no_egress() -> SecurityGroupRule:
    """Return an egress rule that allows no connection.

    EC2 adds a rule that allows all connections to a group without egress rules
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html).
    """
    return SecurityGroupRule(
        CidrIp="127.0.0.1/32",
        Description="In place of the rule of EC2 that allows all",
        IpProtocol="-1",
    )
