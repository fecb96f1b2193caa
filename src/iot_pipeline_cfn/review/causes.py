"""The causes of changes: which changes follow from which."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from iot_pipeline_cfn.template.changes import Action, PropertyChange, ResourceChange
from iot_pipeline_cfn.template.references import rename_references

from .renames import find_renames
from .resolved import ResolvedEnvironment
from .resource_changes import find_changes

Causes = Mapping[str, tuple[str, ...]]
"""The logical IDs of the causes of each change; none for a change that is a cause itself."""


@lru_cache(maxsize=8)
def find_causes(before: ResolvedEnvironment, after: ResolvedEnvironment) -> Causes:
    """Return the causes of each change of an environment."""
    return causes_of(find_changes(before, after), find_renames(before, after))


def causes_of(changes: Sequence[ResourceChange], renames: Mapping[str, str]) -> Causes:
    """Return the causes of each change, through any number of other changes.

    A change with a cause of its own is a cause, even if it also follows from others.

    Args:
        changes: All changes of an environment.
        renames: The new logical IDs of renamed resources by the old ones. A renamed resource is the
            cause of the changes of references to it.

    """
    parents = {
        change.logical_id: _parents(change, renames)
        for change in changes
        if change.action is Action.MODIFY
    }
    return {name: tuple(sorted(_origins(name, parents) - {name})) for name in parents}


def _parents(change: ResourceChange, renames: Mapping[str, str]) -> set[str]:
    """Return the direct causes of a change; itself if it is a cause."""
    parents = {part.because_of or _renamed_in(part, renames) for part in change.deciding_properties}
    return parents if all(parents) else {change.logical_id}


def _renamed_in(part: PropertyChange, renames: Mapping[str, str]) -> str:
    """Return the old logical ID of a resource if a change only follows its new one."""
    return next(
        (
            old
            for old, new in renames.items()
            if rename_references(part.before, {old: new}) == part.after
        ),
        "",
    )


def _origins(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    """Return the causes of a change; none if changes only follow from each other."""
    seen, to_do, found = {name}, [name], set()
    while to_do:
        current = to_do.pop()
        above = parents.get(current, {current})
        found |= above & {current}
        to_do += above - seen
        seen |= above
    return found
