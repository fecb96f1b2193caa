"""What happens to each resource: added, removed, changed in place, interrupted, replaced."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource
from iot_pipeline_cfn.template.references import Reference, find_references
from iot_pipeline_cfn.template.schemas import paths
from iot_pipeline_cfn.template.stateful import masked

from .behaviour import Behaviour, behaviour
from .differences import differences, equal, spelled, worded


class Action(StrEnum):
    """What happens to a resource, in the words of change sets."""

    ADD = "Add"
    MODIFY = "Modify"
    REMOVE = "Remove"


class Replacement(StrEnum):
    """Whether a resource is replaced, in the words of change sets."""

    NO = "False"
    MAY = "Conditional"
    YES = "True"


@dataclass(frozen=True)
class PropertyChange:
    """A property or an attribute that changes, or that refers to a resource that does."""

    name: str
    behaviour: Behaviour
    before: str = ""
    after: str = ""
    because_of: str = ""
    how: str = ""
    """What happens to the resource `because_of` which it changes."""

    @property
    def cause(self) -> str:
        """What changes, in a few words."""
        if self.because_of:
            return f"{self.because_of} {self.how}: {self.name}"
        return f"{self.name} changes"

    @property
    def strength(self) -> tuple[int, int]:
        """How much it does, and how surely."""
        return self.behaviour.rank, [*HOW.values()].index(self.how)


HOW: Final = MappingProxyType(
    {Replacement.NO: "changes", Replacement.MAY: "may be replaced", Replacement.YES: "is replaced"}
)
"""What happens to a resource, in words."""


@dataclass(frozen=True)
class Change:
    """What happens to a resource."""

    action: Action
    logical_id: str
    resource_type: str
    properties: tuple[PropertyChange, ...] = ()

    @property
    def behaviour(self) -> Behaviour:
        """The most that any of its properties does to it."""
        found = (part.behaviour for part in self.properties)
        return max(found, key=lambda one: one.rank, default=Behaviour.IN_PLACE)

    @property
    def replacement(self) -> Replacement:
        """Whether it is replaced."""
        replacing = {
            Behaviour.REPLACEMENT: Replacement.YES,
            Behaviour.MAY_REPLACE: Replacement.MAY,
        }
        return replacing.get(self.behaviour, Replacement.NO)

    @property
    def causes(self) -> tuple[PropertyChange, ...]:
        """The properties that do the most to it."""
        return tuple(part for part in self.properties if part.behaviour is self.behaviour)

    @property
    def follows(self) -> bool:
        """Whether all that happens to it happens because of others."""
        return bool(self.properties) and all(part.because_of for part in self.properties)

    @property
    def because(self) -> str:
        """Why what happens to it happens, in a few words."""
        return " and ".join(dict.fromkeys(part.cause for part in self.causes))


REVISIONS: Final = frozenset(
    {
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::ECS::TaskDefinition",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Version",
    }
)
"""Types whose resources never change: to replace one is how the next revision is made."""

ATTRIBUTES: Final = (
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "UpdatePolicy",
    "UpdateReplacePolicy",
)
"""Attributes whose change is an update of the resource."""


def changes(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> list[Change]:
    """Return what happens to the resources of an environment, by logical id.

    A replaced resource changes what refers to it, which may replace that in turn. A resource whose
    type changes is removed and added here, though CloudFormation refuses that.

    Args:
        before: The resolved resources.
        after: What they become.

    Raises:
        MissingSchemasError: when AWS's schemas are not there.

    """
    both = [name for name in after if name in before and _kind(before[name]) == _kind(after[name])]
    found = {name: list(_own_changes(before[name], after[name])) for name in both}
    _follow(found, after)
    changed = [
        Change(Action.MODIFY, name, _kind(after[name]), tuple(sorted(parts, key=_place)))
        for name, parts in found.items()
        if parts
    ]
    stays = {*both}
    gone = [Change(Action.REMOVE, n, _kind(before[n])) for n in before if n not in stays]
    new = [Change(Action.ADD, n, _kind(after[n])) for n in after if n not in stays]
    return sorted([*gone, *new, *changed], key=lambda change: (change.logical_id, change.action))


def _kind(resource: Resource) -> str:
    return str(resource.get("Type", ""))


def _place(part: PropertyChange) -> tuple[int, str, str]:
    return -part.behaviour.rank, part.name, part.because_of


def _own_changes(before: Resource, after: Resource) -> Iterator[PropertyChange]:
    kind = _kind(after)
    for found in differences(before.get("Properties", {}), after.get("Properties", {})):
        name = spelled(found.path)
        old, new = (worded(masked(value, name)) for value in (found.before, found.after))
        does = (
            behaviour(kind, found.path, found.before, found.after)
            if found.path
            else Behaviour.MAY_REPLACE
        )
        yield PropertyChange(name or "Properties", does, old, new)
    for name in ATTRIBUTES:
        if not equal(before.get(name), after.get(name)):
            old, new = (worded(side.get(name)) for side in (before, after))
            yield PropertyChange(name, Behaviour.IN_PLACE, old, new)


def _follow(found: dict[str, list[PropertyChange]], after: Mapping[str, Resource]) -> None:
    """Add what follows from each change to the resources that refer to what changes."""
    users: dict[str, list[tuple[str, Reference]]] = defaultdict(list)
    for name in found:
        for use in find_references(after[name].get("Properties", {})):
            if use.name in found and use.name != name:
                users[use.name].append((name, use))
    waiting = deque(name for name, parts in found.items() if parts)
    while waiting:
        name = waiting.popleft()
        cause = Change(Action.MODIFY, name, _kind(after[name]), tuple(found[name]))
        for user, use in users[name]:
            certainty = _changes_with(cause, use.attribute)
            if certainty is Replacement.NO or not use.path:
                continue
            part = _consequence(_kind(after[user]), use, certainty, HOW[cause.replacement])
            if _added(found[user], part):
                waiting.append(user)


def _changes_with(change: Change, attribute: str) -> Replacement:
    """Return whether what refers to a resource gets another value when that changes.

    `Ref` and what identifies a resource change when it is replaced; what else it has may. An
    attribute that is a property has the value of that.
    """
    if not attribute:
        return change.replacement
    way = tuple(attribute.split("."))
    read_only = paths(change.resource_type, "readOnlyProperties")
    own = {part.name for part in change.properties}
    if read_only and way not in read_only:
        return Replacement.YES if way[0] in own else Replacement.NO
    if change.replacement is not Replacement.YES:
        # `Endpoint.Port` goes with `Port`; and every update is a version.
        versioned = way[-1].endswith(("Version", "VersionNumber", "RevisionId"))
        follows = way[-1] in own or versioned
        return Replacement.MAY if follows else change.replacement
    identifies = way in paths(change.resource_type, "primaryIdentifier")
    return Replacement.YES if identifies or way[-1].endswith(("Arn", "Id")) else Replacement.MAY


def _consequence(kind: str, use: Reference, certainty: Replacement, how: str) -> PropertyChange:
    does = behaviour(kind, use.path, None, None)
    if does is Behaviour.REPLACEMENT and certainty is Replacement.MAY:
        does = Behaviour.MAY_REPLACE
    name = spelled(use.path[: use.path.index("*")] if "*" in use.path else use.path)
    return PropertyChange(name, does, because_of=use.name, how=how)


def _added(parts: list[PropertyChange], part: PropertyChange) -> bool:
    """Add a part unless it is there, or there is more of the same; return whether it was."""
    for place, known in enumerate(parts):
        if (known.name, known.because_of) == (part.name, part.because_of):
            if known.strength >= part.strength:
                return False
            parts[place] = part
            return True
    parts.append(part)
    return True


def property_of(resource: Resource, name: str) -> Any:
    """Return a property of a resource, or None."""
    properties = resource.get("Properties", {})
    return properties.get(name) if isinstance(properties, Mapping) else None
