"""Which changes are causes, and which only follow from others."""

import re
from collections.abc import Iterator, Mapping, Sequence

from .resources import Action, Change, PropertyChange

Causes = Mapping[str, tuple[str, ...]]
"""The logical ids of the causes of each change, none where it is a cause itself."""


def causes(found: Sequence[Change], pairs: Sequence[tuple[str, str]]) -> Causes:
    """Return from which causes each change follows, through however many others.

    What happens to a resource because of a property of its own is a cause, also if something else
    happens to it because of others.

    Args:
        found: All changes of an environment.
        pairs: The old and the new logical id of each resource that is renamed, which is a cause
            for whatever names it.

    """
    renamed = dict(pairs)
    parents = {
        change.logical_id: {*_parents(change, renamed)}
        for change in found
        if change.action is Action.MODIFY
    }
    return {name: tuple(sorted(_origins(name, parents) - {name})) for name in parents}


def _parents(change: Change, renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield what it follows from directly, itself where it is a cause."""
    parents = [part.because_of or _renamed_in(part, renamed) for part in change.causes]
    yield from parents if all(parents) else [change.logical_id]


def _renamed_in(part: PropertyChange, renamed: Mapping[str, str]) -> str:
    """Return the old name of a resource if a property only has another name for it."""
    return next(
        (
            old
            for old, new in renamed.items()
            if re.sub(rf"\$\{{{re.escape(old)}(?=[.}}])", f"${{{new}", part.before) == part.after
        ),
        "",
    )


def _origins(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    """Return the causes of a change; none where changes only follow from each other."""
    seen, to_do, found = {name}, [name], set()
    while to_do:
        current = to_do.pop()
        above = parents.get(current, {current})
        found |= above & {current}
        to_do += above - seen
        seen |= above
    return found
