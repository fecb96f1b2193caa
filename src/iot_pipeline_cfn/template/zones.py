"""Zones in which AWS offers the types of resources that are placed in one.

A zone's ID, such as use1-az3, is the same in every account; its name is not.
https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html

Endpoints and databases are missing here, because EC2 and RDS tell where they offer them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class ZonalOffer:
    """The zones in which AWS offers a type of resource.

    Attributes:
        what: What it offers, in the plural.
        zones: The numbers of the zones, by the part of their IDs that stands for the Region.
        source: The page that documents it.
        is_complete: Whether the page lists every Region that has the type. Otherwise every zone of
            another Region has it.

    """

    what: str
    zones: Mapping[str, tuple[int, ...]]
    source: str
    is_complete: bool = False

    def covers(self, zone_id: str) -> bool | None:
        """Return whether a zone has the type, or None if its Region is missing in the source."""
        region, _, number = zone_id.rpartition("-az")
        if region not in self.zones:
            return None if self.is_complete else True
        return number in map(str, self.zones[region])


OFFERS: Final[Mapping[str, ZonalOffer]] = MappingProxyType(
    {
        "AWS::ApiGatewayV2::VpcLink": ZonalOffer(
            "VPC links",
            {
                "ape1": (2, 3),
                "apne1": (1, 2, 4),
                "apne2": (1, 2, 3),
                "aps1": (1, 2, 3),
                "apse1": (1, 2, 3),
                "apse2": (1, 2, 3),
                "cac1": (1, 2),
                "euc1": (1, 2, 3),
                "eun1": (1, 2, 3),
                "eus2": (1, 2, 3),
                "euw1": (1, 2, 3),
                "euw2": (1, 2, 3),
                "euw3": (1, 3),
                "mes1": (1, 2, 3),
                "sae1": (1, 2, 3),
                "use1": (1, 2, 4, 5, 6),
                "use2": (1, 2, 3),
                "usgw1": (1, 2, 3),
                "usw1": (1, 3),
                "usw2": (1, 2, 3, 4),
            },
            "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-vpc-links-v2.html",
            is_complete=True,
        ),
        "AWS::EC2::NatGateway": ZonalOffer(
            "NAT gateways", {"apne1": (1, 2, 4)}, "https://github.com/aws/aws-cdk/issues/5847"
        ),
        "AWS::ECS::Service": ZonalOffer(
            "Fargate",
            {"apne1": (1, 2, 4), "cnn1": (1, 2), "usw1": (1, 3)},
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html",
        ),
        "AWS::ElasticLoadBalancingV2::LoadBalancer": ZonalOffer(
            "Application Load Balancers",
            {"apne1": (1, 2, 4)},
            "https://github.com/aws/copilot-cli/issues/1298",
        ),
    }
)
"""The offers by resource type."""
