"""The roles that services have once for an account, and make for themselves at their first use.

That needs the permission `iam:CreateServiceLinkedRole` of whoever deploys, and ECS and RDS use a
role in the moment that they have made it, when IAM may not know it everywhere yet: the first stack
of an account often fails, and the second does not. So a missing role is only a warning.
https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
https://github.com/aws/containers-roadmap/issues/2614
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from .checking import Finding, Severity, Subject

CODE = "service-linked-roles"

PATH: Final = "/aws-service-role/"

SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::ApiGatewayV2::VpcLink": "ops.apigateway.amazonaws.com",
        "AWS::ApplicationAutoScaling::ScalableTarget": "ecs.application-autoscaling.amazonaws.com",
        "AWS::ECS::Cluster": "ecs.amazonaws.com",
        "AWS::ElastiCache::ReplicationGroup": "elasticache.amazonaws.com",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
        "AWS::RDS::DBInstance": "rds.amazonaws.com",
    }
)
"""Resource types, each with the service that cannot make one without its role."""


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the services that a change set uses have been used before."""
    needed = {service: new for kind, service in SERVICES.items() if (new := subject.new(kind))}
    if not needed:
        return
    pages = subject.connection.iam.get_paginator("list_roles").paginate(PathPrefix=PATH)
    there = {
        role["Path"].removeprefix(PATH).rstrip("/") for page in pages for role in page["Roles"]
    }
    if missing := sorted(needed.keys() - there):
        commands = "; ".join(
            f"aws iam create-service-linked-role --aws-service-name {service}"
            for service in missing
        )
        message = (
            "the account has no role yet for services that make one at their first use, which "
            "needs the permission iam:CreateServiceLinkedRole, and can fail that once; to be sure, "
            f"make them a minute before: {commands}"
        )
        logical_ids = [name for service in missing for name in needed[service]]
        yield Finding(CODE, Severity.WARNING, message, logical_ids)
