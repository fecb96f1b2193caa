"""How long the creation of resources usually takes, and the chain that decides about the whole.

AWS publishes no times. These are medians of what Terraform has said in logs and guides of public
repositories ("Creation complete after"); it waits for the same states as CloudFormation, such as
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Final

from .lookup import Resource, Resources, type_of
from .references import references

USUAL_SECONDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AWS::EC2::NatGateway": 115,
        "AWS::ElastiCache::ReplicationGroup": 420,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": 150,
        "AWS::RDS::DBInstance": 545,
    }
)
"""From 9, 5, 6 and 6 logs. What has no entry takes seconds, or is not known."""

OTHERWISE: Final = 10
"""Seconds of any other resource."""


@dataclass(frozen=True)
class CreationTime:
    """How long the creation of resources takes, and the chain of those that take longest."""

    seconds: int = 0
    chain: Sequence[str] = ()


def creation_time(resources: Resources) -> CreationTime:
    """Return the time in which resources are created, each as soon as what it waits for exists."""
    waits = {
        name: _waited_for(each) & resources.keys() - {name} for name, each in resources.items()
    }
    ends: dict[str, CreationTime] = {}
    try:
        order = [*TopologicalSorter(waits).static_order()]
    except CycleError:
        # CloudFormation rejects it.
        return CreationTime()
    for name in order:
        before = max((ends[each] for each in waits[name]), key=_seconds, default=CreationTime())
        own = USUAL_SECONDS.get(type_of(resources[name]), OTHERWISE)
        ends[name] = CreationTime(before.seconds + own, (*before.chain, name))
    return max(ends.values(), key=_seconds, default=CreationTime())


def _seconds(time: CreationTime) -> tuple[int, Sequence[str]]:
    return time.seconds, time.chain


def _waited_for(resource: Resource) -> set[str]:
    given = resource.get("DependsOn", ())
    depends = [given] if isinstance(given, str) else given
    return {*depends, *references(resource.get("Properties"))}
