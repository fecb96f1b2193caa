"""What an environment needs of each service quota, before and after.

The review works offline, so it compares the needs with AWS's defaults. The preflight checks compare
them with what is left in an account.
https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.capacity import ON_DEMAND, SPOT, cache_nodes, service_tasks
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, of_type, values_at
from iot_pipeline_cfn.template.quotas import QUOTAS
from iot_pipeline_cfn.template.references import references

from .resolved import ResolvedEnvironment


def needs(resources: Resources) -> dict[str, float]:
    """Return how much of each quota an environment needs."""
    return {name: count(resources) for name, count in NEEDS.items()}


def find_quota_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield the quotas whose need changes."""
    old, new = needs(before.resources), needs(after.resources)
    for name, quota in QUOTAS.items():
        details = {
            "limited": quota.limited,
            "default": quota.default,
            "exceeds_default": new[name] > quota.default,
            "before": old[name],
            "after": new[name],
        }
        if new[name] > old[name]:
            yield Finding("quota-need-increased", Severity.CHANGE, name, details)
        elif new[name] < old[name]:
            yield Finding("quota-need-decreased", Severity.NOTE, name, details)


def _count(kind: str) -> Callable[[Resources], float]:
    return lambda resources: len(of_type(resources, kind))


def _highest_count(keys: Iterable[object]) -> float:
    """Return how often the most frequent key occurs."""
    return max(Counter(json.dumps(key, sort_keys=True) for key in keys).values(), default=0)


def _nat_gateways(resources: Resources) -> float:
    """Return how many are in one Availability Zone."""
    subnets = of_type(resources, "AWS::EC2::Subnet")

    def zone(subnet: object) -> object:
        name = next(references(subnet), "")
        return subnets[name].get("AvailabilityZone") if name in subnets else subnet

    gateways = of_type(resources, "AWS::EC2::NatGateway").values()
    return _highest_count(zone(gateway.get("SubnetId")) for gateway in gateways)


def _interface_endpoints(resources: Resources) -> float:
    """Return how many are in one VPC."""
    return _highest_count(
        endpoint.get("VpcId")
        for endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").values()
        if endpoint.get("VpcEndpointType") == "Interface"
    )


def _load_balancers(resources: Resources) -> int:
    return sum(
        balancer.get("Type", "application") == "application"
        for balancer in of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    )


def _cache_nodes(resources: Resources) -> float:
    return sum(map(cache_nodes, of_type(resources, "AWS::ElastiCache::ReplicationGroup").values()))


def _vcpus(provider: str) -> Callable[[Resources], float]:
    """Return a function that counts the vCPU of as many tasks as auto scaling may run."""
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


NEEDS: Final[Mapping[str, Callable[[Resources], float]]] = MappingProxyType(
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
        "target-groups": _count("AWS::ElasticLoadBalancingV2::TargetGroup"),
        "db-parameter-groups": _count("AWS::RDS::DBParameterGroup"),
        "security-groups": _count("AWS::EC2::SecurityGroup"),
        "usage-plans": _count("AWS::ApiGateway::UsagePlan"),
        "iam-roles": _count("AWS::IAM::Role"),
    }
)
"""How to count what resources need of each quota."""
