"""Resources that only get another logical ID, and new revisions of resources that never change."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from iot_pipeline_cfn.template.lookup import Resource, type_of
from iot_pipeline_cfn.template.references import rename_references

from .differences import format_value, is_function
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
    scores = sorted(
        (-similarity, -_common_start(old_id, new_id), old_id, new_id)
        for old_id in old.keys() - new.keys()
        for new_id in new.keys() - old.keys()
        if type_of(old[old_id]) == type_of(new[new_id])
        and (not kept & {old_id, new_id} or type_of(old[old_id]) in REVISION_TYPES)
        and (similarity := _similarity(old[old_id], new[new_id])) >= SIMILAR
    )
    renames: dict[str, str] = {}
    for *_, old_id, new_id in scores:
        if old_id not in renames and new_id not in renames.values():
            renames[old_id] = new_id
    return renames


def _similarity(before: Resource, after: Resource) -> float:
    """Return the share of equal property values of two resources."""
    old, new = ({*_leaves(side.get("Properties", {}), "")} for side in (before, after))
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


def _common_start(first: str, second: str) -> int:
    """Return the length of the common start of two names."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))


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
