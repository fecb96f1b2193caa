"""The traffic matrix: who may open a connection to whom, and nothing else.

A group names in its own body who may come in. What it may reach is a resource of its own where
that is another group, because two groups that name each other in their bodies are a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import If, Template
from troposphere.ec2 import SecurityGroup, SecurityGroupEgress, SecurityGroupRule

from .environment import Environment
from .ingress import HTTP_PORT, HTTPS_PORT, Ingress
from .naming import tags
from .network import ANYWHERE, Network
from .sections import add_output

CONTAINER_PORT = 8080
DATABASE_PORT = 5432
CACHE_PORT = 6379


@dataclass(frozen=True)
class SecurityGroups:
    """One security group for each part; `vpc_link` exists only with private ingress."""

    vpc_link: SecurityGroup
    load_balancer: SecurityGroup
    container: SecurityGroup
    endpoints: SecurityGroup
    database: SecurityGroup
    cache: SecurityGroup


def add_security_groups(
    template: Template, *, environment: Environment, network: Network, ingress: Ingress
) -> SecurityGroups:
    """Add the security groups with all of their rules."""

    def add(
        title: str,
        description: str,
        rules: Sequence[SecurityGroupRule] | If,
        *,
        egress: SecurityGroupRule | None = None,
        condition: str | None = None,
    ) -> SecurityGroup:
        group = SecurityGroup(
            title,
            GroupDescription=description,
            SecurityGroupEgress=[egress or no_egress()],
            Tags=tags(environment.suffix, title, component="security"),
            VpcId=network.vpc.ref(),
        )
        if rules:
            group.SecurityGroupIngress = rules
        if condition is not None:
            group.Condition = condition
        template.add_resource(group)
        add_output(template, f"{title}Id", f"{description}.", group.ref(), condition=condition)
        return group

    vpc_link = add(
        "VpcLinkSecurityGroup",
        "VPC link of the API",
        [],
        condition=ingress.uses_private_ingress,
    )
    load_balancer = add(
        "LoadBalancerSecurityGroup",
        "Load balancer",
        If(
            ingress.uses_private_ingress,
            [
                SecurityGroupRule(
                    Description="Requests from the API",
                    FromPort=ingress.listener_port(),
                    IpProtocol="tcp",
                    SourceSecurityGroupId=vpc_link.ref(),
                    ToPort=ingress.listener_port(),
                )
            ],
            [
                SecurityGroupRule(
                    CidrIp=ANYWHERE,
                    Description=f"{protocol} from anywhere",
                    FromPort=port,
                    IpProtocol="tcp",
                    ToPort=port,
                )
                for protocol, port in (("HTTP", HTTP_PORT), ("HTTPS", HTTPS_PORT))
            ],
        ),
    )
    container = add(
        "ContainerSecurityGroup",
        "Containers",
        [from_group("Requests from the load balancer", load_balancer, CONTAINER_PORT)],
        egress=SecurityGroupRule(
            CidrIp=ANYWHERE,
            # Image layers come from S3, whose prefix list CloudFormation cannot look up.
            Description="HTTPS to the endpoints, to S3 and through the NAT gateway",
            FromPort=HTTPS_PORT,
            IpProtocol="tcp",
            ToPort=HTTPS_PORT,
        ),
    )
    endpoints = add(
        "EndpointsSecurityGroup",
        "VPC endpoints",
        [from_group("HTTPS from the containers", container, HTTPS_PORT)],
    )
    database = add(
        "DatabaseSecurityGroup",
        "Database",
        [from_group("PostgreSQL from the containers", container, DATABASE_PORT)],
    )
    cache = add(
        "CacheSecurityGroup",
        "Cache",
        [from_group("Redis from the containers", container, CACHE_PORT)],
    )
    for title, description, source, destination, port, condition in (
        (
            "VpcLinkEgressToLoadBalancer",
            "Requests to the load balancer",
            vpc_link,
            load_balancer,
            ingress.listener_port(),
            ingress.uses_private_ingress,
        ),
        (
            "LoadBalancerEgressToContainers",
            "Requests and health checks to the containers",
            load_balancer,
            container,
            CONTAINER_PORT,
            None,
        ),
        (
            "ContainerEgressToDatabase",
            "PostgreSQL to the database",
            container,
            database,
            DATABASE_PORT,
            None,
        ),
        ("ContainerEgressToCache", "Redis to the cache", container, cache, CACHE_PORT, None),
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
        if condition is not None:
            rule.Condition = condition
        template.add_resource(rule)
    return SecurityGroups(
        vpc_link=vpc_link,
        load_balancer=load_balancer,
        container=container,
        endpoints=endpoints,
        database=database,
        cache=cache,
    )


def from_group(description: str, source: SecurityGroup, port: int) -> SecurityGroupRule:
    """Return the ingress rule that lets a group open TCP connections to a port."""
    return SecurityGroupRule(
        Description=description,
        FromPort=port,
        IpProtocol="tcp",
        SourceSecurityGroupId=source.ref(),
        ToPort=port,
    )


def no_egress() -> SecurityGroupRule:
    """Return an egress rule that reaches nobody.

    A group without one gets EC2's own, which allows everything
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html).
    """
    return SecurityGroupRule(
        CidrIp="127.0.0.1/32", Description="Nothing but the rules beside it", IpProtocol="-1"
    )
