"""The registry of analyses: the questions that a review asks of each environment.

An analysis is a function from an environment before and after a change to findings. Adding one is a
line in `ANALYSES`, and its wording in `report/`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.lookup import Resources

from . import grants, losses, needs, prices, surface, traffic
from .remarks import as_finding
from .resolved import ResolvedEnvironment

Analysis = Callable[[ResolvedEnvironment, ResolvedEnvironment], Iterable[Finding]]
"""A function from an environment before and after a change to findings about it."""


class Topic(StrEnum):
    """A group of findings that a report puts under one heading."""

    NEW = "new"
    DATA = "data"
    REFUSED = "refused"
    REPLACED = "replaced"
    REVISIONS = "revisions"
    INTERRUPTED = "interrupted"
    TRAFFIC = "traffic"
    PERMISSIONS = "permissions"
    EXPOSURE = "exposure"
    QUOTAS = "quotas"
    COST = "cost"
    OUTPUTS = "outputs"
    PARAMETERS = "parameters"
    STACK = "stack"
    ORDER = "order"
    UNKNOWN = "unknown"


def _of_resources(compare: Callable[[Resources, Resources], Iterable[Finding]]) -> Analysis:
    """Adapt a function that compares only resources: a bridge."""
    return lambda before, after: compare(before.resources, after.resources)


def _prices(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Iterable[Finding]:
    """Adapt the comparison of prices: a bridge."""
    return prices.compare(before.resources, after.resources, region=after.region)


ANALYSES: Final[Mapping[Topic, tuple[Analysis, ...]]] = MappingProxyType(
    {
        Topic.DATA: (_of_resources(losses.compare),),
        Topic.TRAFFIC: (_of_resources(traffic.compare),),
        Topic.PERMISSIONS: (_of_resources(grants.compare),),
        Topic.EXPOSURE: (_of_resources(surface.compare),),
        Topic.QUOTAS: (_of_resources(needs.compare),),
        Topic.COST: (_prices,),
    }
)

OF_NEW: Final = frozenset({Topic.QUOTAS, Topic.COST})
"""Topics with something to say about an environment that is new as a whole."""


def analyzed(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[tuple[Topic, Finding]]:
    """Yield the findings of all analyses, each with its topic."""
    for topic, analyses in ANALYSES.items():
        if before.resources or topic in OF_NEW:
            for analysis in analyses:
                yield from ((topic, as_finding(finding)) for finding in analysis(before, after))
