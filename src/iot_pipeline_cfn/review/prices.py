"""The monthly price of an environment by AWS's price list.

It counts what is billed by the hour while it exists, at the prices of `prices.json`. `NOT_COUNTED`
names what is billed by use. A price that no public page states is an estimate, whose rule is in the
table. A price that the table lacks is reported as unknown.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.capacity import SPOT, ServiceTasks, cache_nodes, service_tasks
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import (
    Resources,
    as_list,
    properties_of,
    short_text_of,
    type_of,
    values_at,
)

from .differences import equal
from .resolved import ResolvedEnvironment

NOT_COUNTED: Final = (
    "data transfer, storage, backups, logs, metrics, alarms, requests, capacity units of the load "
    "balancer, keys, secrets, the web ACL, Database Insights"
)

SUBJECT: Final = "cost"

CENT: Final = 0.01


@dataclass(frozen=True)
class Item:
    """One line of a bill; `monthly` is in dollars, or None where the price is unknown."""

    logical_id: str
    name: str
    quantity: float
    monthly: float | None
    is_estimate: bool = False

    @property
    def text(self) -> str:
        """The name with the quantity, if that is not one."""
        return self.name if self.quantity == 1 else f"{self.quantity:g} {self.name}"


@cache
def price_table() -> Mapping[str, Any]:
    """Return the price table, with its date and its sources."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_bytes())
    return content


def priced_regions() -> list[str]:
    """Return the regions of the price table."""
    return list(price_table()["regions"])


def bill(resources: Resources, region: str) -> list[Item]:
    """Return everything that is billed by the hour, with its monthly price in a region."""
    table = price_table()
    estimates = table["estimates"].get(region, {})
    prices = {**table["regions"].get(region, {}), **estimates}
    hours = float(table["hours_a_month"])
    items = []
    for logical_id, name, quantity, rates in _billed(resources):
        is_known = bool(rates) and rates.keys() <= prices.keys()
        hourly = sum(prices[rate] * count for rate, count in rates.items()) if is_known else None
        monthly = None if hourly is None else hourly * quantity * hours
        if quantity:
            is_estimate = is_known and not estimates.keys().isdisjoint(rates)
            items.append(Item(logical_id, name, quantity, monthly, is_estimate))
    return items


def total(items: Iterable[Item]) -> float:
    """Return the monthly price of all items whose price is known."""
    return sum(item.monthly or 0 for item in items)


def estimated(items: Iterable[Item]) -> list[Item]:
    """Return the items whose price is an estimate."""
    return [item for item in items if item.is_estimate]


def find_cost_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Iterator[Finding]:
    """Yield the difference of the monthly price, and the changes that have no price."""
    old, new = (bill(side.resources, after.region) for side in (before, after))
    if old == new:
        return
    if after.region not in priced_regions():
        details: dict[str, Any] = {"region": after.region, "regions": priced_regions()}
        yield Finding("unpriced-region", Severity.NOTE, SUBJECT, details)
        return
    items = _items(old), _items(new)
    changed = sorted(
        name for name in {*items[0], *items[1]} if items[0].get(name) != items[1].get(name)
    )
    unpriced = {
        name
        for name in changed
        if any(item.monthly is None for side in items for item in side.get(name, ()))
    }
    priced = [name for name in changed if name not in unpriced]
    costs = [sum(total(side.get(name, ())) for name in priced) for side in items]
    difference = costs[1] - costs[0]
    if abs(difference) >= CENT:
        details = {"amount": f"{abs(difference):.2f}", "resources": priced}
        if estimates := {item.logical_id for item in estimated((*old, *new))}:
            details["estimated"] = sorted(estimates)
        if not any(item.monthly is None for item in (*old, *new)):
            details |= {"total_before": f"{total(old):.2f}", "total_after": f"{total(new):.2f}"}
        code = f"monthly-cost-{'decreased' if difference < 0 else 'increased'}"
        yield Finding(code, Severity.CHANGE, SUBJECT, details)
    for name in sorted(unpriced):
        sides = [", ".join(item.text for item in side.get(name, ())) or None for side in items]
        details = {"region": after.region, "before": sides[0], "after": sides[1]}
        yield Finding("not-priced", Severity.NOTE, name, details)


def _items(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Return the items of each resource."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.logical_id, []).append(item)
    return found


Rates = Mapping[str, float]
"""How much of each price of the table one unit of an item costs; empty if it has no price."""

Billed = Iterator[tuple[str, float, Rates]]
"""Names and quantities of items, each with its rates."""


def _billed(resources: Resources) -> Iterator[tuple[str, str, float, Rates]]:
    """Yield every item, with the logical ID of its resource in front."""
    tasks = service_tasks(resources)
    for logical_id, resource in resources.items():
        resource_type, properties = type_of(resource), properties_of(resource)
        if logical_id in tasks:
            items = _tasks(tasks[logical_id])
        elif resource_type in PRICED:
            items = PRICED[resource_type](properties)
        elif resource_type in UNPRICED:
            items = _unpriced(resource_type, properties)
        else:
            continue
        yield from ((logical_id, *item) for item in items)


def _one(name: str, rate: str) -> Callable[[Mapping[str, Any]], Billed]:
    return lambda _: iter([(name, 1, {rate: 1})])


def _endpoint(endpoint: Mapping[str, Any]) -> Billed:
    if endpoint.get("VpcEndpointType") == "Interface":
        zones = len(as_list(endpoint.get("SubnetIds")))
        yield "interface endpoint, per zone", zones, {"interface-endpoint": 1}


def _balancer(balancer: Mapping[str, Any]) -> Billed:
    kind = short_text_of(balancer.get("Type", "application"))
    yield f"{kind} load balancer", 1, {"load-balancer": 1} if kind == "application" else {}
    if balancer.get("Scheme", "internet-facing") == "internet-facing":
        yield "public IPv4 address", len(as_list(balancer.get("Subnets"))), {"public-ipv4": 1}


def _tasks(tasks: ServiceTasks) -> Billed:
    size = f"{tasks.vcpu:g} vCPU, {tasks.gigabytes:g} GB, {tasks.architecture}"
    # Spot has the price on demand as its upper limit.
    limit = ", at most: Spot costs less" if tasks.provider == SPOT else ""
    rates = {
        f"fargate-vcpu {tasks.architecture}": tasks.vcpu,
        f"fargate-gb {tasks.architecture}": tasks.gigabytes,
    }
    yield f"Fargate task, {size}{limit}", tasks.desired, rates


def _database(database: Mapping[str, Any]) -> Billed:
    rate = _texts(database, "DBInstanceClass", "Engine")
    yield rate, 2 if equal(database.get("MultiAZ"), True) else 1, {rate: 1}


def _cache(group: Mapping[str, Any]) -> Billed:
    rate = _texts(group, "CacheNodeType", "Engine")
    yield rate, cache_nodes(group), {rate: 1}


def _unpriced(resource_type: str, properties: Mapping[str, Any]) -> Billed:
    """Yield a resource that the table has no prices for, with what decides about its price."""
    size = _texts(properties, *UNPRICED[resource_type])
    yield f"{resource_type.removeprefix('AWS::')} {size}".strip(), 1, {}


def _texts(properties: Mapping[str, Any], *paths: str) -> str:
    return " ".join(short_text_of(value) for path in paths for value in values_at(properties, path))


PRICED: Final[Mapping[str, Callable[[Mapping[str, Any]], Billed]]] = MappingProxyType(
    {
        "AWS::EC2::EIP": _one("public IPv4 address", "public-ipv4"),
        "AWS::EC2::NatGateway": _one("NAT gateway", "nat-gateway"),
        "AWS::EC2::VPCEndpoint": _endpoint,
        "AWS::ECS::Service": lambda _: iter(()),
        "AWS::ElastiCache::ReplicationGroup": _cache,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
        "AWS::RDS::DBInstance": _database,
    }
)
"""The items of each type that the table has prices for; those of services are tasks on Fargate."""

UNPRICED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "AWS::AmazonMQ::Broker": ("HostInstanceType", "DeploymentMode"),
        "AWS::AutoScaling::AutoScalingGroup": ("MinSize", "MaxSize", "DesiredCapacity"),
        "AWS::AutoScaling::LaunchConfiguration": ("InstanceType",),
        "AWS::DAX::Cluster": ("NodeType", "ReplicationFactor"),
        "AWS::DMS::ReplicationInstance": ("ReplicationInstanceClass", "MultiAZ"),
        "AWS::DirectoryService::MicrosoftAD": ("Edition",),
        "AWS::DirectoryService::SimpleAD": ("Size",),
        "AWS::DocDB::DBInstance": ("DBInstanceClass",),
        "AWS::EC2::Instance": ("InstanceType",),
        "AWS::EC2::LaunchTemplate": ("LaunchTemplateData.InstanceType",),
        "AWS::EC2::TransitGatewayAttachment": (),
        "AWS::EC2::VPNConnection": (),
        "AWS::EKS::Cluster": (),
        "AWS::EKS::Nodegroup": ("InstanceTypes", "ScalingConfig.DesiredSize"),
        "AWS::EMR::Cluster": ("Instances.CoreInstanceGroup.InstanceType",),
        "AWS::ElastiCache::CacheCluster": ("CacheNodeType", "Engine", "NumCacheNodes"),
        "AWS::ElastiCache::ServerlessCache": ("Engine",),
        "AWS::ElasticLoadBalancing::LoadBalancer": (),
        "AWS::Elasticsearch::Domain": (
            "ElasticsearchClusterConfig.InstanceType",
            "ElasticsearchClusterConfig.InstanceCount",
        ),
        "AWS::FSx::FileSystem": ("FileSystemType", "StorageCapacity"),
        "AWS::GlobalAccelerator::Accelerator": (),
        "AWS::Kinesis::Stream": ("ShardCount",),
        "AWS::MSK::Cluster": ("BrokerNodeGroupInfo.InstanceType", "NumberOfBrokerNodes"),
        "AWS::MemoryDB::Cluster": ("NodeType", "NumShards", "NumReplicasPerShard"),
        "AWS::Neptune::DBInstance": ("DBInstanceClass",),
        "AWS::NetworkFirewall::Firewall": (),
        "AWS::OpenSearchService::Domain": (
            "ClusterConfig.InstanceType",
            "ClusterConfig.InstanceCount",
        ),
        "AWS::Redshift::Cluster": ("NodeType", "NumberOfNodes"),
        "AWS::RedshiftServerless::Workgroup": ("BaseCapacity",),
        "AWS::SageMaker::NotebookInstance": ("InstanceType",),
        "AWS::Transfer::Server": (),
        "AWS::WorkSpaces::Workspace": ("WorkspaceProperties.ComputeTypeName",),
    }
)
"""Types that are billed by the hour without a price in the table, by what decides about it."""
