"""What an environment needs of the quotas that can stand in its way.

The checks before a deployment ask an account what is left; here nobody is asked, so what is needed
is held against what AWS gives a new account.
https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.capacity import ON_DEMAND, SPOT, cache_nodes, service_tasks
from iot_pipeline_cfn.template.lookup import Resources, of_type, values_at
from iot_pipeline_cfn.template.quotas import QUOTAS
from iot_pipeline_cfn.template.references import references

from .remarks import Remark, Severity


def needs(resources: Resources) -> dict[str, float]:
    """Return what an environment needs of each quota."""
    return {name: needed(resources) for name, needed in NEEDED.items()}


def compare(before: Resources, after: Resources) -> list[Remark]:
    """Return what is needed that was not, and the other way round."""
    held, wanted = needs(before), needs(after)
    return [
        _remark(code, held[code], wanted[code]) for code in NEEDED if held[code] != wanted[code]
    ]


def _remark(code: str, held: float, wanted: float) -> Remark:
    quota = QUOTAS[code]
    limit = "more than " if wanted > quota.default else ""
    direction = "more" if wanted > held else "less"
    return Remark(
        Severity.CHANGE if wanted > held else Severity.NOTE,
        subject=code,
        message=f"needs {direction} {quota.limited}; {limit}AWS's default of {quota.default}",
        before=f"{held:g}",
        after=f"{wanted:g}",
    )


def _count(kind: str) -> Callable[[Resources], float]:
    return lambda resources: len(of_type(resources, kind))


def _most(keys: Iterable[object]) -> float:
    """Return how often the most frequent of the keys is there."""
    return max(Counter(json.dumps(key, sort_keys=True) for key in keys).values(), default=0)


def _nat_gateways(resources: Resources) -> float:
    """Return how many stand in one zone."""
    subnets = of_type(resources, "AWS::EC2::Subnet")

    def zone(subnet: object) -> object:
        name = next(references(subnet), "")
        return subnets[name].get("AvailabilityZone") if name in subnets else subnet

    gateways = of_type(resources, "AWS::EC2::NatGateway").values()
    return _most(zone(gateway.get("SubnetId")) for gateway in gateways)


def _interface_endpoints(resources: Resources) -> float:
    """Return how many are in one VPC."""
    endpoints = of_type(resources, "AWS::EC2::VPCEndpoint").values()
    return _most(
        endpoint.get("VpcId")
        for endpoint in endpoints
        if endpoint.get("VpcEndpointType") == "Interface"
    )


def _load_balancers(resources: Resources) -> float:
    balancers = of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    kinds = [balancer.get("Type", "application") for balancer in balancers]
    return kinds.count("application")


def _cache_nodes(resources: Resources) -> float:
    groups = of_type(resources, "AWS::ElastiCache::ReplicationGroup").values()
    return sum(map(cache_nodes, groups))


def _vcpus(provider: str) -> Callable[[Resources], float]:
    """Return what counts the vCPU of as many tasks as auto scaling may run with a provider."""
    return lambda resources: sum(
        tasks.maximum * tasks.vcpu
        for tasks in service_tasks(resources).values()
        if tasks.provider == provider
    )


def _rest_apis(resources: Resources) -> float:
    return sum(
        "REGIONAL" in values_at(api, "EndpointConfiguration.Types")
        for api in of_type(resources, "AWS::ApiGateway::RestApi").values()
    )


NEEDED: Final[Mapping[str, Callable[[Resources], float]]] = MappingProxyType(
    {
        "elastic-ips": _count("AWS::EC2::EIP"),
        "vpcs": _count("AWS::EC2::VPC"),
        "internet-gateways": _count("AWS::EC2::InternetGateway"),
        "nat-gateways": _nat_gateways,
        "interface-endpoints": _interface_endpoints,
        "load-balancers": _load_balancers,
        "db-instances": _count("AWS::RDS::DBInstance"),
        "cache-nodes": _cache_nodes,
        "fargate-vcpu": _vcpus(ON_DEMAND),
        "fargate-spot-vcpu": _vcpus(SPOT),
        "rest-apis": _rest_apis,
    }
)
"""How much of each quota resources need."""
