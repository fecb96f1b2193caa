"""Changes of resources: what an update does to each, and to the resources that refer to it."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import nan
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.changes import (
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)
from iot_pipeline_cfn.template.lookup import (
    Resource,
    Resources,
    mappings,
    number,
    text_of,
    type_of,
)
from iot_pipeline_cfn.template.references import (
    VARIABLE,
    Reference,
    find_references,
    references,
)
from iot_pipeline_cfn.template.schemas import is_number, paths
from iot_pipeline_cfn.template.stateful import masked

from .differences import (
    Difference,
    alternatives,
    differences,
    equal,
    format_path,
    format_value,
)
from .resolved import CHANGED, PARAMETER, ResolvedEnvironment
from .update_behavior import update_behavior

ATTRIBUTES: Final = (
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "Fn::Transform",
    "UpdatePolicy",
    "UpdateReplacePolicy",
)
"""Attributes whose change updates the resource."""

EFFECTIVE_METADATA: Final = ("AWS::CloudFormation::Authentication", "AWS::CloudFormation::Init")
"""Metadata that instances read when they start, and those with `cfn-hup` whenever it changes.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-init.html
"""


@lru_cache(maxsize=8)
def find_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> tuple[ResourceChange, ...]:
    """Return the changes of all resources, by logical ID.

    A replaced resource changes whatever refers to it, which may replace that in turn. A resource
    that changes its type is removed and added here, although CloudFormation rejects that. Compared
    with a new environment, nothing is updated, so that nothing is replaced or interrupted.

    Raises:
        MissingSchemasError: if AWS's schemas are not installed.

    """
    old, new = before.resources, after.resources
    kept = {name for name in new if name in old and type_of(old[name]) == type_of(new[name])}
    resources = old.keys() | new.keys()
    parts = {name: [*_own_changes(old[name], new[name], resources)] for name in new if name in kept}
    if after.source.is_new:
        in_place = UpdateBehavior.NO_INTERRUPTION
        parts = {n: [replace(part, behavior=in_place) for part in parts[n]] for n in parts}
    else:
        _add_consequences(parts, new)
    removed = (ResourceChange(Action.REMOVE, n, type_of(old[n])) for n in old if n not in kept)
    added = (ResourceChange(Action.ADD, n, type_of(new[n])) for n in new if n not in kept)
    modified = (_modified(name, type_of(new[name]), parts[name]) for name in parts if parts[name])
    order = sorted([*removed, *added, *modified], key=lambda one: (one.logical_id, one.action))
    return tuple(order)


def _modified(name: str, resource_type: str, parts: Sequence[PropertyChange]) -> ResourceChange:
    ordered = sorted(parts, key=lambda part: (-part.behavior.rank, part.path, part.because_of))
    change = ResourceChange(Action.MODIFY, name, resource_type, properties=tuple(ordered))
    return replace(change, replacement=change.behavior.replacement)


def _own_changes(
    before: Resource, after: Resource, resources: Collection[str]
) -> Iterator[PropertyChange]:
    """Yield the changes of a resource that its own template makes."""
    resource_type = type_of(after)
    for found in differences(before.get("Properties", {}), after.get("Properties", {})):
        path = format_path(found.path)
        if _is_same_number(resource_type, found):
            continue
        old, new = masked(found.before, path), masked(found.after, path)
        yield PropertyChange(path or "Properties", _behavior(after, found, resources), old, new)
    for name in ATTRIBUTES:
        old, new = before.get(name), after.get(name)
        if not equal(old, new):
            in_place = not name.startswith("Fn::")
            behavior = (
                UpdateBehavior.NO_INTERRUPTION if in_place else UpdateBehavior.MAYBE_REPLACEMENT
            )
            yield PropertyChange(name, behavior, old, new)
    for name in EFFECTIVE_METADATA:
        path = f"Metadata.{name}"
        values = [_metadata(side).get(name) for side in (before, after)]
        if not equal(*values):
            old, new = (masked(value, path) for value in values)
            yield PropertyChange(path, UpdateBehavior.NO_INTERRUPTION, old, new)


def _is_same_number(resource_type: str, found: Difference) -> bool:
    """Return whether both sides are the same number, such as 0 and 0.0."""
    values = [number(side, nan) for side in (found.before, found.after)]
    way = tuple("*" if part.startswith("[") else part for part in found.path)
    return values[0] == values[1] and is_number(resource_type, way)


def _metadata(resource: Resource) -> Mapping[str, Any]:
    return next(mappings(resource.get("Metadata")), {})


def _behavior(resource: Resource, found: Difference, resources: Collection[str]) -> UpdateBehavior:
    """Return the effect of a difference on a resource for any branch of `Fn::If`."""
    if not found.path:
        return UpdateBehavior.MAYBE_REPLACEMENT
    behaviors = [
        UpdateBehavior.NO_INTERRUPTION
        if equal(*pair)
        else update_behavior(resource, found.path, *pair)
        for pair in alternatives(found.before, found.after)
    ]
    worst = max(behaviors, key=lambda behavior: behavior.rank)
    is_certain = set(behaviors) == {worst} and not _may_be_equal(found, resources)
    if worst is UpdateBehavior.REPLACEMENT and not is_certain:
        return UpdateBehavior.MAYBE_REPLACEMENT
    return worst


def _may_be_equal(found: Difference, resources: Collection[str]) -> bool:
    """Return whether parameters with unknown values may make both sides equal.

    Texts with the same parameters differ in all else, and so do texts with other ends.
    """
    sides = (found.before, found.after)
    if any(CHANGED in format_value(side) for side in sides):
        return True
    unknown = [{name for name in references(side) if name not in resources} for side in sides]
    is_resource = any(name.endswith(PARAMETER) for side in unknown for name in side)
    texts = [VARIABLE.split(text_of(side)) for side in sides if not isinstance(side, list)]
    ends = [[(text[0], text[-1][::-1]) for text in texts]] if len(texts) == len(sides) else []
    differ = any(
        not (one.startswith(other) or other.startswith(one))
        for pair in ends
        for one, other in zip(*pair, strict=True)
    )
    return unknown[0] != unknown[1] and not is_resource and not differ


def _add_consequences(parts: dict[str, list[PropertyChange]], after: Resources) -> None:
    """Add to each resource what follows from changes of the resources that it refers to."""
    users: dict[str, list[tuple[str, Reference]]] = defaultdict(list)
    for name in parts:
        for use in find_references(after[name].get("Properties", {})):
            if use.name in parts and use.name != name:
                users[use.name].append((name, use))
    waiting = deque(name for name, found in parts.items() if found)
    while waiting:
        name = waiting.popleft()
        cause = _modified(name, type_of(after[name]), parts[name])
        for user, use in users[name]:
            value_changes = _changes_value(cause, use.attribute)
            if value_changes is Replacement.NO or not use.path:
                continue
            part = _consequence(after[user], use, value_changes, cause.replacement)
            if _add_stronger(parts[user], part):
                waiting.append(user)


VERSIONED: Final = MappingProxyType(
    {
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-launchtemplate.html
        ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"): "LaunchTemplateData",
    }
)
"""Attributes that are certainly others after a change of a property."""


def _changes_value(change: ResourceChange, attribute: str) -> Replacement:
    """Return whether the change of a resource changes the value of a reference to it.

    `Ref` and identifiers change with a replacement; other attributes may. An attribute that is also
    a property changes with the property.
    """
    if not attribute:
        return change.replacement
    path = tuple(attribute.split("."))
    read_only = paths(change.resource_type, "readOnlyProperties")
    own = {part.path for part in change.properties}
    if read_only and path not in read_only:
        return Replacement.YES if path[0] in own else Replacement.NO
    if own_name := VERSIONED.get((change.resource_type, attribute)):
        is_new = any(part.name == own_name for part in change.properties)
        return Replacement.YES if is_new else change.replacement
    if change.replacement is not Replacement.YES:
        # `Endpoint.Port` follows `Port`; each update makes a new version.
        is_version = path[-1].endswith(("Version", "VersionNumber", "RevisionId"))
        return Replacement.MAYBE if path[-1] in own or is_version else change.replacement
    identifies = path in paths(change.resource_type, "primaryIdentifier")
    return Replacement.YES if identifies or path[-1].endswith(("Arn", "Id")) else Replacement.MAYBE


def _consequence(
    resource: Resource, use: Reference, value_changes: Replacement, cause: Replacement
) -> PropertyChange:
    behavior = update_behavior(resource, use.path, None, None)
    if behavior is UpdateBehavior.REPLACEMENT and value_changes is Replacement.MAYBE:
        behavior = UpdateBehavior.MAYBE_REPLACEMENT
    path = format_path(use.path[: use.path.index("*")] if "*" in use.path else use.path)
    return PropertyChange(path, behavior, because_of=use.name, cause_replacement=cause)


def _add_stronger(parts: list[PropertyChange], part: PropertyChange) -> bool:
    """Add a change unless a stronger one is known; return whether it was added."""
    for index, known in enumerate(parts):
        if (known.path, known.because_of) == (part.path, part.because_of):
            if _strength(known) >= _strength(part):
                return False
            parts[index] = part
            return True
    parts.append(part)
    return True


def _strength(part: PropertyChange) -> tuple[int, int]:
    certainty = [Replacement.NO, Replacement.MAYBE, Replacement.YES]
    return part.behavior.rank, certainty.index(part.cause_replacement)
