"""The registry of analyses: the questions that a review asks about each environment.

An analysis is a function from an environment before and after a change to findings. Adding one
takes an entry in `ANALYSES`, and the wording of its codes in `report/`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding

from . import (
    assessments,
    exposure,
    failures,
    generated,
    grants,
    interface,
    losses,
    needs,
    prices,
    rejections,
    traffic,
    updates,
)
from .renames import with_new_names
from .resolved import ResolvedEnvironment

Analysis = Callable[[ResolvedEnvironment, ResolvedEnvironment], Iterable[Finding]]
"""A function from an environment before and after a change to findings about it."""


class Topic(StrEnum):
    """A group of findings that a report puts under one heading."""

    NEW = "new"
    DATA = "data"
    REJECTED = "rejected"
    REMOVED = "removed"
    REPLACED = "replaced"
    REVISIONS = "revisions"
    INTERRUPTED = "interrupted"
    TRAFFIC = "traffic"
    PERMISSIONS = "permissions"
    EXPOSURE = "exposure"
    NOT_ASSESSED = "not-assessed"
    QUOTAS = "quotas"
    COST = "cost"
    OUTPUTS = "outputs"
    PARAMETERS = "parameters"
    STACK = "stack"
    ORDER = "order"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


ANALYSES: Final[Mapping[Topic, tuple[Analysis, ...]]] = MappingProxyType(
    {
        Topic.DATA: (
            losses.find_losses,
            losses.find_data_rule_changes,
            losses.find_weaker_protection,
        ),
        Topic.REJECTED: (
            rejections.find_type_changes,
            rejections.find_identity_conflicts,
            rejections.find_denied_updates,
            rejections.find_parameter_errors,
            failures.find_vpc_moves,
            failures.find_subnets_outside_vpc,
            failures.find_engine_conflicts,
            failures.find_refused_updates,
        ),
        Topic.REMOVED: (updates.find_removals,),
        Topic.REPLACED: (updates.find_replacements,),
        Topic.REVISIONS: (updates.find_new_revisions,),
        Topic.INTERRUPTED: (updates.find_interruptions, updates.find_kept_instances),
        Topic.TRAFFIC: (traffic.find_traffic_changes,),
        Topic.PERMISSIONS: (grants.find_permission_changes,),
        Topic.EXPOSURE: (exposure.find_exposure_changes,),
        Topic.NOT_ASSESSED: (assessments.find_unassessed_types,),
        Topic.QUOTAS: (needs.find_quota_changes,),
        Topic.COST: (prices.find_cost_changes,),
        Topic.OUTPUTS: (interface.find_output_changes, interface.find_outputs_of_replaced),
        Topic.STACK: (updates.find_stack_changes,),
        Topic.ORDER: (updates.find_order_changes,),
        Topic.UNKNOWN: (
            generated.find_unknown_contents,
            updates.find_setup_changes,
            updates.find_parameters_read_again,
        ),
    }
)
"""Questions about an environment."""

TEMPLATE_ANALYSES: Final[Mapping[Topic, tuple[Analysis, ...]]] = MappingProxyType(
    {
        Topic.PARAMETERS: (interface.find_parameter_changes,),
        Topic.UNKNOWN: (interface.find_unresolvable_changes,),
    }
)
"""Questions about a template as such, whatever its parameters."""

OF_RESOURCES: Final = frozenset(
    {Topic.TRAFFIC, Topic.PERMISSIONS, Topic.EXPOSURE, Topic.QUOTAS, Topic.COST}
)
"""Topics for which a renamed resource is the same resource."""

OF_NEW_ENVIRONMENTS: Final = OF_RESOURCES | {Topic.DATA, Topic.OUTPUTS}
"""Topics in which an environment that is created later can differ from one that is updated."""

OF_FIRST_ENVIRONMENTS: Final = frozenset({Topic.QUOTAS, Topic.COST})
"""Topics that matter for the first environment of a type."""


def analyze(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[tuple[Topic, Finding]]:
    """Yield the findings about an environment, each with its topic."""
    topics = {*ANALYSES}
    if not before.resources:
        topics &= OF_FIRST_ENVIRONMENTS
    elif after.source.is_new:
        topics &= OF_NEW_ENVIRONMENTS
    renamed = with_new_names(before, after)
    for topic in ANALYSES:
        if topic in topics:
            side = renamed if topic in OF_RESOURCES else before
            yield from ((topic, one) for find in ANALYSES[topic] for one in find(side, after))


def analyze_template(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[tuple[Topic, Finding]]:
    """Yield the findings about a template as such, each with its topic."""
    for topic, analyses in TEMPLATE_ANALYSES.items():
        yield from ((topic, one) for find in analyses for one in find(before, after))
