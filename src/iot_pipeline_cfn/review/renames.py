"""Resources that only get another logical ID, and new revisions of resources that never change."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from functools import lru_cache
from typing import Final

from iot_pipeline_cfn.template.lookup import properties_of, type_of
from iot_pipeline_cfn.template.references import rename_references

from .differences import common_start, format_value, is_function
from .resolved import ResolvedEnvironment

REVISION_TYPES: Final = frozenset({"AWS::ApiGateway::Deployment", "AWS::ECS::TaskDefinition"})
"""Types whose resources never change: replacing one is the way to make its next revision."""

SIMILAR: Final = 0.7
"""The minimum share of equal properties of a resource and the same resource, renamed."""


@lru_cache(maxsize=8)
def find_renames(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Mapping[str, str]:
    """Return the new logical IDs of renamed resources, by the old ones.

    A logical ID that both templates have is not renamed: a condition decides whether its resource
    exists. Only of revisions, such as the deployments of an API, another one counts as the next.
    """
    old, new = before.resources, after.resources
    kept = before.source.template.get("Resources", {}).keys() & after.source.template.get(
        "Resources", {}
    )
    gone, come = (
        {
            name: frozenset(_leaves(properties_of(side[name]), ""))
            for name in side.keys() - other.keys()
            if name not in kept or type_of(side[name]) in REVISION_TYPES
        }
        for side, other in ((old, new), (new, old))
    )
    renames: dict[str, str] = {}
    # Comparing everything with everything takes long, so what is equal is matched first.
    for is_equal in (True, False):
        candidates: dict[object, list[str]] = defaultdict(list)
        for name in come.keys() - renames.values():
            resource_type = type_of(new[name])
            candidates[(resource_type, come[name]) if is_equal else resource_type].append(name)
        scores = sorted(
            (-similarity, -common_start(old_id, new_id), old_id, new_id)
            for old_id in gone.keys() - renames.keys()
            for resource_type in [type_of(old[old_id])]
            for new_id in candidates.get(
                (resource_type, gone[old_id]) if is_equal else resource_type, ()
            )
            if (similarity := _similarity(gone[old_id], come[new_id])) >= SIMILAR
        )
        for *_, old_id, new_id in scores:
            if old_id not in renames and new_id not in renames.values():
                renames[old_id] = new_id
    return renames


def _similarity(old: Set[object], new: Set[object]) -> float:
    """Return the share of equal property values of two resources."""
    return len(old & new) / max(len(old), len(new)) if old or new else 1


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and not is_function(value):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, format_value(value)


def find_revisions(before: ResolvedEnvironment, after: ResolvedEnvironment) -> dict[str, str]:
    """Return the resources that are the next revision of another resource, by the old ones."""
    return {
        old: new
        for old, new in find_renames(before, after).items()
        if type_of(after.resources[new]) in REVISION_TYPES
    }


def with_new_names(before: ResolvedEnvironment, after: ResolvedEnvironment) -> ResolvedEnvironment:
    """Return an environment before a change with the logical IDs that its resources get.

    Permissions and traffic of a renamed resource are not new.
    """
    renames = find_renames(before, after)
    resources = rename_references(before.resources, renames)
    return replace(
        before, resources={renames.get(name, name): body for name, body in resources.items()}
    )
