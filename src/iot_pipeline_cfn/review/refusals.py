"""What CloudFormation is going to refuse, or fail at, and resources that only got another name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource
from iot_pipeline_cfn.template.schemas import paths

from .differences import equal, is_function, worded
from .remarks import Remark, Severity, about
from .resources import Action, Change, Replacement, property_of

ALIKE = 0.7
"""Two resources that have this much in common are one that was renamed."""


def retyped(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> Iterator[Remark]:
    """Yield resources whose type changes, which CloudFormation answers with an error."""
    for name in sorted(before.keys() & after.keys()):
        old, new = (str(side[name].get("Type")) for side in (before, after))
        if old != new:
            message = "gets another type, which no update may do: give it another logical id"
            yield about(Severity.REPLACEMENT, name, message, old, new)


def stuck(
    found: Sequence[Change], before: Mapping[str, Resource], after: Mapping[str, Resource]
) -> Iterator[Remark]:
    """Yield resources that are replaced but keep a name of their own, which is taken.

    "You can't perform updates that require replacement of this resource":
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    for change in found:
        if change.replacement is Replacement.NO or change.action is not Action.MODIFY:
            continue
        sides = before[change.logical_id], after[change.logical_id]
        if (name := _kept_name(change.resource_type, *sides)) and not _moves(change):
            will = "fails" if change.replacement is Replacement.YES else "fails if it is replaced"
            message = (
                f"{will}: its replacement needs the name {name!r}, which it has itself; change the "
                "name too"
            )
            yield about(Severity.REPLACEMENT, change.logical_id, message)


def _kept_name(kind: str, before: Resource, after: Resource) -> str:
    """Return the name that two resources of a type were both given, if they were."""
    for key in _names(kind):
        old, new = property_of(before, key), property_of(after, key)
        if old is not None and equal(old, new):
            return worded(old)
    return ""


def _names(kind: str) -> Iterator[str]:
    """Yield properties of a type that hold a name, of which there can only be one."""
    identifying = paths(kind, "primaryIdentifier") | paths(kind, "additionalIdentifiers")
    last = kind.rpartition("::")[2]
    for way in sorted(paths(kind, "createOnlyProperties")):
        if len(way) > 1:
            continue
        (name,) = way
        ends = [end for end in ("Id", "Identifier", "Name") if name.endswith(end)]
        called = any(last.endswith(name.removesuffix(end)) for end in ends)
        if called or (way in identifying and name.endswith("Name")):
            yield name


WITHIN: Final = MappingProxyType(
    {
        # "The name of the scaling policy", of which there is one of a name for a target:
        # https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
        "AWS::ApplicationAutoScaling::ScalingPolicy": {"ResourceId", "ScalingTargetId"},
    }
)
"""Properties within which a name is taken, where no identifier says so."""


def _moves(change: Change) -> bool:
    """Return whether it is replaced within something else, where the name is free."""
    identifying = paths(change.resource_type, "primaryIdentifier") - paths(
        change.resource_type, "readOnlyProperties"
    )
    within = {way[0] for way in identifying} | WITHIN.get(change.resource_type, set())
    return any(part.name in within for part in change.causes)


def renames(
    found: Sequence[Change],
    before: Mapping[str, Resource],
    after: Mapping[str, Resource],
    stay: Collection[str],
) -> Iterator[tuple[str, str]]:
    """Yield the old and the new logical id of each resource that only changes its logical id.

    `stay` are those that both templates have: that one is there and another is not any more may
    be what a condition decides.
    """
    gone = [one for one in found if one.action is Action.REMOVE and one.logical_id not in stay]
    new = [one for one in found if one.action is Action.ADD and one.logical_id not in stay]
    scores = sorted(
        (
            (-score, -_common(old.logical_id, young.logical_id), old.logical_id, young.logical_id)
            for old in gone
            for young in new
            if old.resource_type == young.resource_type
            and (score := _likeness(before[old.logical_id], after[young.logical_id])) >= ALIKE
        ),
    )
    taken: set[str] = set()
    for *_, old_id, new_id in scores:
        if not {old_id, new_id} & taken:
            taken |= {old_id, new_id}
            yield old_id, new_id


def _likeness(before: Resource, after: Resource) -> float:
    """Return which part of two resources' properties is the same."""
    old, new = ({*_leaves(side.get("Properties", {}), "")} for side in (before, after))
    return len(old & new) / max(len(old), len(new), 1) if old or new else 1


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and not is_function(value):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, worded(value)


def _common(first: str, second: str) -> int:
    """Return how much of two names is the same from the start."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))


def renamed(
    pairs: Sequence[tuple[str, str]],
    before: Mapping[str, Resource],
    after: Mapping[str, Resource],
) -> Iterator[Remark]:
    """Yield what renaming comes to where the resource has a name of its own."""
    for old, new in pairs:
        kind = str(after[new].get("Type"))
        sides = before[old], after[new]
        name = _kept_name(kind, *sides)
        if name or _same_identity(kind, *sides):
            needs = f"the name {name!r}" if name else "the identity"
            message = f"fails: {new} needs {needs}, which {old} has until it is removed"
            yield about(Severity.REPLACEMENT, f"{old} -> {new}", message)


def _same_identity(kind: str, before: Resource, after: Resource) -> bool:
    """Return whether all is given and the same that identifies a resource of a type."""
    parts = paths(kind, "primaryIdentifier")
    values = [(property_of(before, part[0]), property_of(after, part[0])) for part in parts]
    return bool(values) and all(old is not None and equal(old, new) for old, new in values)


def denied(found: Sequence[Change], policy: Mapping[str, Any] | None) -> Iterator[Remark]:
    """Yield what the stack policy that is in force forbids.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    for change in found:
        action = "Update:Delete"
        if change.action is Action.MODIFY:
            replaces = change.replacement is not Replacement.NO
            action = "Update:Replace" if replaces else "Update:Modify"
        if change.action is not Action.ADD and policy and _denies(policy, action, change):
            perhaps = " if it is replaced" if change.replacement is Replacement.MAY else ""
            message = f"is refused{perhaps}: the stack policy denies {action}"
            yield about(Severity.REPLACEMENT, change.logical_id, message)


def _denies(policy: Mapping[str, Any], action: str, change: Change) -> bool:
    return any(
        statement.get("Effect") == "Deny"
        and "Condition" not in statement
        and any(fnmatchcase(action, one) for one in _listed(statement.get("Action")))
        and any(
            fnmatchcase(f"LogicalResourceId/{change.logical_id}", one)
            for one in _listed(statement.get("Resource"))
        )
        for statement in policy.get("Statement", [])
    )


def _listed(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value or "")]
