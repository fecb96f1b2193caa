"""Service quotas that an environment counts against, as Service Quotas lists them.

https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_VPC_LIMITS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
_ELB_LIMITS = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"
)
_GENERAL = "https://docs.aws.amazon.com/general/latest/gr"


@dataclass(frozen=True)
class Quota:
    """A quota.

    Attributes:
        check: The code of the preflight check that compares with it.
        what: What it limits, in the singular.
        service: The service in Service Quotas.
        code: Its code there.
        default: AWS's default for an account and region.
        source: The page that documents it.
        adjustable: Whether AWS raises it on request.
        is_minimum: Whether no account starts with less than the default.
        each: What has a quota of its own, where that is not the region.
        regional_defaults: Defaults of regions that differ.

    """

    check: str
    what: str
    service: str
    code: str
    default: int
    source: str
    adjustable: bool = True
    is_minimum: bool = True
    each: str = ""
    regional_defaults: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def limited(self) -> str:
        """What it limits, in the plural."""
        return f"{self.what}s{self.each and f' per {self.each}'}"

    def default_in(self, region: str) -> int:
        """Return AWS's default in a region."""
        return self.regional_defaults.get(region, self.default)


QUOTAS: Final[Mapping[str, Quota]] = MappingProxyType(
    {
        "elastic-ips": Quota(
            "elastic-ips", "Elastic IP", "ec2", "L-0263D0A3", 5, f"{_VPC_LIMITS}#vpc-limits-eips"
        ),
        "vpcs": Quota(
            "vpcs", "VPC", "vpc", "L-F678F1CE", 5, f"{_VPC_LIMITS}#vpc-limits-vpcs-subnets"
        ),
        # Their own quota, L-A4707A72, is raised together with that of VPCs.
        "internet-gateways": Quota(
            "internet-gateways",
            "internet gateway",
            "vpc",
            "L-F678F1CE",
            5,
            f"{_VPC_LIMITS}#vpc-limits-gateways",
        ),
        "nat-gateways": Quota(
            "nat-gateways",
            "NAT gateway",
            "vpc",
            "L-FE5A380F",
            5,
            f"{_VPC_LIMITS}#vpc-limits-gateways",
            each="zone",
        ),
        # Gateway Load Balancer endpoints count as well.
        "interface-endpoints": Quota(
            "interface-endpoints",
            "interface endpoint",
            "vpc",
            "L-29B6F2EB",
            50,
            "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html",
            each="VPC",
        ),
        "load-balancers": Quota(
            "load-balancers",
            "Application Load Balancer",
            "elasticloadbalancing",
            "L-53DA6B97",
            50,
            _ELB_LIMITS,
        ),
        # RDS, Aurora, Neptune and DocumentDB share it, and DescribeDBInstances returns them all.
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html
        "db-instances": Quota(
            "db-instances",
            "database instance",
            "rds",
            "L-7B6409FD",
            40,
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
            regional_defaults={"ap-south-1": 20},
        ),
        "cache-nodes": Quota(
            "cache-nodes",
            "cache node",
            "elasticache",
            "L-DFE45DF3",
            300,
            f"{_GENERAL}/elasticache-service.html#limits_elasticache",
        ),
        "fargate-vcpu": Quota(
            "fargate-vcpu",
            "Fargate vCPU",
            "fargate",
            "L-3032A538",
            6,
            f"{_GENERAL}/ecs-service.html#limits_ecs",
            is_minimum=False,
        ),
        "fargate-spot-vcpu": Quota(
            "fargate-vcpu",
            "Fargate Spot vCPU",
            "fargate",
            "L-36FBB829",
            6,
            f"{_GENERAL}/ecs-service.html#limits_ecs",
            is_minimum=False,
        ),
        "rest-apis": Quota(
            "rest-apis",
            "regional REST API",
            "apigateway",
            "L-AA0FF27B",
            600,
            "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
            adjustable=False,
        ),
        "target-groups": Quota(
            "target-groups",
            "target group",
            "elasticloadbalancing",
            "L-822D1B1B",
            100,
            _ELB_LIMITS,
            adjustable=False,
            each="load balancer",
        ),
        "db-parameter-groups": Quota(
            "db-parameter-groups",
            "database parameter group",
            "rds",
            "L-DE55804A",
            50,
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
            regional_defaults={"ap-south-1": 20},
        ),
        "security-groups": Quota(
            "security-groups",
            "security group",
            "vpc",
            "L-E79EC296",
            2500,
            f"{_VPC_LIMITS}#vpc-limits-security-groups",
        ),
        "usage-plans": Quota(
            "usage-plans",
            "usage plan",
            "apigateway",
            "L-E8693075",
            300,
            "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
        ),
        "iam-roles": Quota(
            "iam-roles",
            "IAM role",
            "iam",
            "L-FE177D64",
            1000,
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
        ),
    }
)
"""The quotas by name; one check can compare with several."""
