"""How long the creation of an environment takes: the chain of resources that ends last.

The durations are medians of what public logs of Terraform and its acceptance tests show
(https://github.com/hashicorp/terraform-provider-aws), rounded; none was measured here. All other
resources take seconds. CloudFormation creates a resource when all that it refers to or depends on
explicitly is complete
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resources, properties_of, type_of
from iot_pipeline_cfn.template.references import dependencies

DURATIONS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AWS::ApiGatewayV2::VpcLink": 240,
        "AWS::EC2::NatGateway": 105,
        "AWS::EC2::VPCEndpoint": 120,
        "AWS::ECS::Service": 75,
        "AWS::ElastiCache::ReplicationGroup": 450,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": 160,
        "AWS::RDS::DBInstance": 245,
    }
)
"""Seconds until a resource of a type is complete."""

MULTI_ZONE_DATABASE: Final = 690
"""Seconds of a database with a standby instance."""

OTHERS: Final = 2
"""Seconds of a resource of another type."""


@dataclass(frozen=True)
class CriticalPath:
    """The chain of resources that ends last, in the order of their creation."""

    seconds: int
    slow: Sequence[str]
    """The logical IDs of those that take longer than most."""


def critical_path(resources: Resources) -> CriticalPath:
    """Return the critical path of the creation of an environment."""
    needed = dependencies(resources)

    @cache
    def ends(name: str) -> tuple[int, tuple[str, ...]]:
        before = max((ends(each) for each in sorted(needed[name])), default=(0, ()))
        return before[0] + _seconds(resources[name]), (*before[1], name)

    seconds, names = max((ends(name) for name in resources), default=(0, ()))
    return CriticalPath(seconds, [name for name in names if _seconds(resources[name]) > OTHERS])


def _seconds(resource: Mapping[str, Any]) -> int:
    kind, properties = type_of(resource), properties_of(resource)
    if kind == "AWS::RDS::DBInstance" and properties.get("MultiAZ"):
        return MULTI_ZONE_DATABASE
    if kind == "AWS::EC2::VPCEndpoint" and properties.get("VpcEndpointType") != "Interface":
        return OTHERS
    if kind == "AWS::ECS::Service" and properties.get("DesiredCount") in {0, "0"}:
        return OTHERS
    return DURATIONS.get(kind, OTHERS)
