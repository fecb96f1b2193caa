"""The traffic matrix: which part may open a connection to which, and no other.

The ingress rules of a group are in its body. An egress rule to another group is a resource of its
own, because two groups that name each other in their bodies are a circular dependency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from troposphere import If
from troposphere.ec2 import (
    SecurityGroup,
    SecurityGroupEgress,
    SecurityGroupIngress,
    SecurityGroupRule,
)

from .conditions import Condition
from .context import Context
from .ingress import HTTP_PORT, HTTPS_PORT, Ingress
from .network import ANYWHERE, Network

CONTAINER_PORT = 8080
DATABASE_PORT = 5432
CACHE_PORT = 6379


@dataclass(frozen=True)
class SecurityGroups:
    """One security group for each part; `vpc_link` exists only with private ingress.

    `public_https` lets HTTPS in where ingress is public and there is a certificate.
    """

    public_https: SecurityGroupIngress
    vpc_link: SecurityGroup
    load_balancer: SecurityGroup
    container: SecurityGroup
    endpoints: SecurityGroup
    database: SecurityGroup
    cache: SecurityGroup


def add_security_groups(context: Context, *, network: Network, ingress: Ingress) -> SecurityGroups:
    """Add the security groups with all of their rules."""
    add = partial(_add_group, context, network)
    vpc_link = add("VpcLinkSecurityGroup", "VPC link", condition=ingress.uses_private_ingress)
    load_balancer = add(
        "LoadBalancerSecurityGroup",
        "Load balancer",
        # The VPC link is let in on both ports, so that a change of the certificate does not close
        # the port that the API still calls.
        rules=ingress.uses_private_ingress.choose(
            [
                _from_group("HTTP from the API", vpc_link, HTTP_PORT),
                _from_group("HTTPS from the API", vpc_link, HTTPS_PORT),
            ],
            [_any_address("HTTP from anywhere", HTTP_PORT)],
        ),
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
    container = add(
        "ContainerSecurityGroup",
        "Containers",
        rules=[_from_group("Requests from the load balancer", load_balancer, CONTAINER_PORT)],
        # Image layers come from S3, whose prefix list CloudFormation cannot look up.
        egress=_any_address(
            "HTTPS to the endpoints, to S3 and through the NAT gateway", HTTPS_PORT
        ),
    )
    endpoints = add(
        "EndpointsSecurityGroup",
        "VPC endpoints",
        rules=[_from_group("HTTPS from the containers", container, HTTPS_PORT)],
    )
    database = add(
        "DatabaseSecurityGroup",
        "Database",
        rules=[_from_group("PostgreSQL from the containers", container, DATABASE_PORT)],
    )
    cache = add(
        "CacheSecurityGroup",
        "Cache",
        rules=[_from_group("Redis from the containers", container, CACHE_PORT)],
    )
    groups = SecurityGroups(
        public_https=public_https,
        vpc_link=vpc_link,
        load_balancer=load_balancer,
        container=container,
        endpoints=endpoints,
        database=database,
        cache=cache,
    )
    _add_egress_to_groups(context, groups, ingress)
    return groups


def _add_group(
    context: Context,
    network: Network,
    title: str,
    description: str,
    *,
    rules: Sequence[SecurityGroupRule] | If = (),
    egress: SecurityGroupRule | None = None,
    condition: Condition | None = None,
) -> SecurityGroup:
    group = SecurityGroup(
        title,
        GroupDescription=description,
        SecurityGroupEgress=[egress or _no_egress()],
        VpcId=network.vpc.ref(),
    )
    if rules:
        group.SecurityGroupIngress = rules
    context.add(group, condition=condition)
    context.add_output(
        f"{title}Id", f"Security group: {description}.", group.ref(), condition=condition
    )
    return group


def _add_egress_to_groups(context: Context, groups: SecurityGroups, ingress: Ingress) -> None:
    """Add the egress rules to other groups; the ingress rules are in the bodies of those groups."""
    for title, description, source, destination, port, condition in (
        (
            "VpcLinkEgressToLoadBalancer",
            "HTTP to the load balancer",
            groups.vpc_link,
            groups.load_balancer,
            HTTP_PORT,
            ingress.uses_private_ingress,
        ),
        (
            "VpcLinkHttpsEgressToLoadBalancer",
            "HTTPS to the load balancer",
            groups.vpc_link,
            groups.load_balancer,
            HTTPS_PORT,
            ingress.uses_private_ingress,
        ),
        (
            "LoadBalancerEgressToContainers",
            "Requests and health checks to the containers",
            groups.load_balancer,
            groups.container,
            CONTAINER_PORT,
            None,
        ),
        (
            "ContainerEgressToDatabase",
            "PostgreSQL to the database",
            groups.container,
            groups.database,
            DATABASE_PORT,
            None,
        ),
        (
            "ContainerEgressToCache",
            "Redis to the cache",
            groups.container,
            groups.cache,
            CACHE_PORT,
            None,
        ),
    ):
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


def _from_group(description: str, source: SecurityGroup, port: int) -> SecurityGroupRule:
    return SecurityGroupRule(
        Description=description,
        FromPort=port,
        IpProtocol="tcp",
        SourceSecurityGroupId=source.ref(),
        ToPort=port,
    )


def _any_address(description: str, port: int) -> SecurityGroupRule:
    """Return a rule for connections from, or to, any address."""
    return SecurityGroupRule(
        CidrIp=ANYWHERE, Description=description, FromPort=port, IpProtocol="tcp", ToPort=port
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
