"""What an environment costs a month by AWS's price list, before anybody has used it.

Counted is what is billed by the hour for as long as it is there, at the prices of `prices.json`.
What is billed by use is not, and `NOT_COUNTED` names it. What is not in the table is not guessed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.template.capacity import SPOT, cache_nodes, service_tasks
from iot_pipeline_cfn.template.lookup import Resources, as_list, of_type

from .differences import equal
from .remarks import Remark, Severity

NOT_COUNTED: Final = (
    "data transfer, storage, backups, logs, metrics, alarms, requests, capacity units of the load "
    "balancer, keys, secrets, the web ACL, Database Insights"
)

SUBJECT: Final = "price"


@dataclass(frozen=True)
class Billed:
    """So many of something that is billed by the hour, each at the sum of some rates."""

    logical_id: str
    what: str
    quantity: float
    rates: Mapping[str, float]


@dataclass(frozen=True)
class Item:
    """What all of something cost a month, or nothing where the price is not in the table."""

    logical_id: str
    what: str
    quantity: float
    monthly: float | None


@cache
def table() -> Mapping[str, Any]:
    """Return the price table, with its date and its sources."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_bytes())
    return content


def regions() -> list[str]:
    """Return the regions that the price table has."""
    return list(table()["regions"])


def monthly(resources: Resources, region: str) -> list[Item]:
    """Return all that is billed by the hour, with its price a month in a region."""
    prices = table()["regions"].get(region, {})
    return [
        Item(each.logical_id, each.what, each.quantity, _monthly(prices, each))
        for each in _billed(resources)
        if each.quantity
    ]


def total(items: Iterable[Item]) -> float:
    """Return what all items that have a price cost a month."""
    return sum(item.monthly or 0 for item in items)


def dollars(amount: float) -> str:
    """Return an amount as people write it."""
    return f"${amount:,.2f}"


def amount(items: Sequence[Item]) -> str:
    """Return what all items cost a month, and that it is more where one has no price."""
    least = "at least " if any(item.monthly is None for item in items) else ""
    return f"{least}{dollars(total(items))}"


def compare(before: Resources, after: Resources, *, region: str) -> list[Remark]:
    """Return how much more or less a month costs, and for what."""
    old, new = monthly(before, region), monthly(after, region)
    if old == new:
        return []
    if region not in regions():
        message = (
            f"what is billed by the hour changes, and the price table has no {region}, "
            f"only {' and '.join(regions())}"
        )
        return [Remark(Severity.NOTE, SUBJECT, message)]
    return [*_difference(old, new), *_unpriced(old, new, region)]


def _difference(old: Sequence[Item], new: Sequence[Item]) -> Iterator[Remark]:
    costs, held = _costs(new), _costs(old)
    unknown = {item.logical_id for item in _changed_unpriced(old, new)}
    differing = sorted(name for name in {*held, *costs} - unknown if costs[name] != held[name])
    if differing:
        change = sum(costs[name] - held[name] for name in differing)
        yield Remark(
            Severity.CHANGE,
            SUBJECT,
            f"about {dollars(abs(change))} {'less' if change < 0 else 'more'} a month: "
            f"{', '.join(differing)}",
            before=amount(old),
            after=amount(new),
        )


def _costs(items: Iterable[Item]) -> Counter[str]:
    """Return what each resource costs a month, of what has a price."""
    costs: Counter[str] = Counter()
    for item in items:
        costs[item.logical_id] += item.monthly or 0  # type: ignore[assignment] # A sum of dollars.
    return costs


def _unpriced(old: Sequence[Item], new: Sequence[Item], region: str) -> Iterator[Remark]:
    for item in _changed_unpriced(old, new):
        message = f"the price of {item.what} in {region} is not in the table"
        yield Remark(Severity.NOTE, item.logical_id, message)


def _changed_unpriced(old: Sequence[Item], new: Sequence[Item]) -> Iterator[Item]:
    """Yield what has no price and comes or goes, so that nobody can say what that saves."""
    for one, other in ((new, old), (old, new)):
        yield from (item for item in one if item.monthly is None and item not in other)


def _monthly(prices: Mapping[str, float], each: Billed) -> float | None:
    if not each.rates or not each.rates.keys() <= prices.keys():
        return None
    hourly = sum(prices[rate] * count for rate, count in each.rates.items())
    return hourly * each.quantity * float(table()["hours_a_month"])


def _billed(resources: Resources) -> Iterator[Billed]:
    """Yield all that is billed by the hour, whether or not it has a price."""
    for name in of_type(resources, "AWS::EC2::NatGateway"):
        yield Billed(name, "NAT gateway", 1, {"nat-gateway": 1})
    for name in of_type(resources, "AWS::EC2::EIP"):
        yield Billed(name, "public IPv4 address", 1, {"public-ipv4": 1})
    for name, endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType") == "Interface":
            zones = len(as_list(endpoint.get("SubnetIds")))
            yield Billed(name, "interface endpoint, per zone", zones, {"interface-endpoint": 1})
    yield from _load_balancers(resources)
    yield from _tasks(resources)
    yield from _database_and_cache(resources)


def _load_balancers(resources: Resources) -> Iterator[Billed]:
    for name, balancer in of_type(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        kind = balancer.get("Type", "application")
        rates = {"load-balancer": 1} if kind == "application" else {}
        yield Billed(name, f"{kind} load balancer", 1, rates)
        if balancer.get("Scheme", "internet-facing") == "internet-facing":
            addresses = len(as_list(balancer.get("Subnets")))
            yield Billed(name, "public IPv4 address", addresses, {"public-ipv4": 1})


def _tasks(resources: Resources) -> Iterator[Billed]:
    """Yield the tasks, with those on Spot at the price on demand, which theirs is at most."""
    for name, tasks in service_tasks(resources).items():
        what = f"Fargate task, {tasks.vcpu:g} vCPU, {tasks.gigabytes:g} GB, {tasks.architecture}"
        if tasks.provider == SPOT:
            what += ", at most: Spot costs less"
        rates = {
            f"fargate-vcpu {tasks.architecture}": tasks.vcpu,
            f"fargate-gb {tasks.architecture}": tasks.gigabytes,
        }
        yield Billed(name, what, tasks.desired, rates)


def _database_and_cache(resources: Resources) -> Iterator[Billed]:
    for name, database in of_type(resources, "AWS::RDS::DBInstance").items():
        size, engine = (str(database.get(key)) for key in ("DBInstanceClass", "Engine"))
        instances = 2 if equal(database.get("MultiAZ"), True) else 1
        yield Billed(name, f"{size} {engine}", instances, {f"{size} {engine}": 1})
    for name, group in of_type(resources, "AWS::ElastiCache::ReplicationGroup").items():
        size, engine = (str(group.get(key)) for key in ("CacheNodeType", "Engine"))
        yield Billed(name, f"{size} {engine}", cache_nodes(group), {f"{size} {engine}": 1})
