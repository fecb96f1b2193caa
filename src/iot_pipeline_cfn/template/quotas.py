"""The quotas that can stand in the way of an environment, as Service Quotas has them.

Each check before a deployment says where its number, and what counts towards it, is from.
https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Quota:
    """What is limited, by how much in a new account, and the code of the check for it."""

    check: str
    what: str
    service: str
    code: str
    default: int
    adjustable: bool = True
    reliable: bool = True
    """Whether no account begins with less than the default."""
    each: str = ""
    """What has its own, if that is not the region."""

    @property
    def limited(self) -> str:
        """What is limited, in the plural."""
        return f"{self.what}s{self.each and f' per {self.each}'}"


QUOTAS: Final[Mapping[str, Quota]] = MappingProxyType(
    {
        "elastic-ips": Quota("elastic-ips", "Elastic IP", "ec2", "L-0263D0A3", 5),
        "vpcs": Quota("vpcs", "VPC", "vpc", "L-F678F1CE", 5),
        "internet-gateways": Quota("internet-gateways", "internet gateway", "vpc", "L-F678F1CE", 5),
        "nat-gateways": Quota("nat-gateways", "NAT gateway", "vpc", "L-FE5A380F", 5, each="zone"),
        "interface-endpoints": Quota(
            "interface-endpoints", "interface endpoint", "vpc", "L-29B6F2EB", 50, each="VPC"
        ),
        "load-balancers": Quota(
            "load-balancers", "Application Load Balancer", "elasticloadbalancing", "L-53DA6B97", 50
        ),
        "db-instances": Quota("db-instances", "database instance", "rds", "L-7B6409FD", 40),
        "cache-nodes": Quota("cache-nodes", "cache node", "elasticache", "L-DFE45DF3", 300),
        "fargate-vcpu": Quota(
            "fargate-vcpu", "Fargate vCPU", "fargate", "L-3032A538", 6, reliable=False
        ),
        "fargate-spot-vcpu": Quota(
            "fargate-vcpu", "Fargate Spot vCPU", "fargate", "L-36FBB829", 6, reliable=False
        ),
        "rest-apis": Quota(
            "rest-apis", "regional REST API", "apigateway", "L-AA0FF27B", 600, adjustable=False
        ),
    }
)
"""By what is limited: one check may look at several."""
