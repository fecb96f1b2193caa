"""The monthly price of an environment by AWS's price list.

It counts what is billed by the hour while it exists, at the prices of `prices.json`. `NOT_COUNTED`
names what is billed by use. A price that the table lacks is reported as unknown.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.template.capacity import SPOT, cache_nodes, service_tasks
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, as_list, of_type

from .differences import equal
from .resolved import ResolvedEnvironment

NOT_COUNTED: Final = (
    "data transfer, storage, backups, logs, metrics, alarms, requests, capacity units of the load "
    "balancer, keys, secrets, the web ACL, Database Insights"
)

SUBJECT: Final = "cost"


@dataclass(frozen=True)
class Item:
    """One line of a bill; `monthly` is in dollars, or None where the price is unknown."""

    logical_id: str
    name: str
    quantity: float
    monthly: float | None


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
    prices = price_table()["regions"].get(region, {})
    hours = float(price_table()["hours_a_month"])
    items = []
    for logical_id, name, quantity, rates in _billed(resources):
        is_known = rates and rates.keys() <= prices.keys()
        hourly = sum(prices[rate] * count for rate, count in rates.items()) if is_known else None
        monthly = None if hourly is None else hourly * quantity * hours
        if quantity:
            items.append(Item(logical_id, name, quantity, monthly))
    return items


def total(items: Iterable[Item]) -> float:
    """Return the monthly price of all items whose price is known."""
    return sum(item.monthly or 0 for item in items)


def find_cost_changes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Iterator[Finding]:
    """Yield the difference of the monthly price, and the prices that are unknown."""
    old, new = (bill(side.resources, after.region) for side in (before, after))
    if old == new:
        return
    if after.region not in priced_regions():
        details: dict[str, Any] = {"region": after.region, "regions": priced_regions()}
        yield Finding("unpriced-region", Severity.NOTE, SUBJECT, details)
        return
    # The difference is unknown where the price of either side is.
    unknown = [
        item
        for one, other in ((new, old), (old, new))
        for item in one
        if item.monthly is None and item not in other
    ]
    was, will_be = _costs(old), _costs(new)
    changed = sorted(
        name
        for name in {*was, *will_be} - {item.logical_id for item in unknown}
        if was[name] != will_be[name]
    )
    if changed:
        difference = sum(will_be[name] - was[name] for name in changed)
        details = {
            "amount": f"{abs(difference):.2f}",
            "resources": changed,
            "is_minimum": any(item.monthly is None for item in (*old, *new)),
            "total_before": f"{total(old):.2f}",
            "total_after": f"{total(new):.2f}",
        }
        code = f"monthly-cost-{'decreased' if difference < 0 else 'increased'}"
        yield Finding(code, Severity.CHANGE, SUBJECT, details)
    for item in unknown:
        details = {"item": item.name, "region": after.region}
        yield Finding("unknown-price", Severity.NOTE, item.logical_id, details)


def _costs(items: Sequence[Item]) -> Counter[str]:
    """Return the monthly price of each resource, as far as it is known."""
    costs: Counter[str] = Counter()
    for item in items:
        costs[item.logical_id] += item.monthly or 0  # type: ignore[assignment] # A sum of dollars.
    return costs


def _billed(resources: Resources) -> Iterator[tuple[str, str, float, Mapping[str, float]]]:
    """Yield logical IDs, names and quantities of items, each with the rates that it sums up."""
    for name in of_type(resources, "AWS::EC2::NatGateway"):
        yield name, "NAT gateway", 1, {"nat-gateway": 1}
    for name in of_type(resources, "AWS::EC2::EIP"):
        yield name, "public IPv4 address", 1, {"public-ipv4": 1}
    for name, endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType") == "Interface":
            zones = len(as_list(endpoint.get("SubnetIds")))
            yield name, "interface endpoint, per zone", zones, {"interface-endpoint": 1}
    for name, balancer in of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        kind = balancer.get("Type", "application")
        yield (
            name,
            f"{kind} load balancer",
            1,
            {"load-balancer": 1} if kind == "application" else {},
        )
        if balancer.get("Scheme", "internet-facing") == "internet-facing":
            addresses = len(as_list(balancer.get("Subnets")))
            yield name, "public IPv4 address", addresses, {"public-ipv4": 1}
    for name, tasks in service_tasks(resources).items():
        size = f"{tasks.vcpu:g} vCPU, {tasks.gigabytes:g} GB, {tasks.architecture}"
        # Spot has the price on demand as its upper limit.
        limit = ", at most: Spot costs less" if tasks.provider == SPOT else ""
        rates = {
            f"fargate-vcpu {tasks.architecture}": tasks.vcpu,
            f"fargate-gb {tasks.architecture}": tasks.gigabytes,
        }
        yield name, f"Fargate task, {size}{limit}", tasks.desired, rates
    for name, database in of_type(resources, "AWS::RDS::DBInstance").items():
        rate = f"{database.get('DBInstanceClass')} {database.get('Engine')}"
        yield name, rate, 2 if equal(database.get("MultiAZ"), True) else 1, {rate: 1}
    for name, group in of_type(resources, "AWS::ElastiCache::ReplicationGroup").items():
        rate = f"{group.get('CacheNodeType')} {group.get('Engine')}"
        yield name, rate, cache_nodes(group), {rate: 1}
