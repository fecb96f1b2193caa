"""The changes of a change set, read from DescribeChangeSet, without secrets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from iot_pipeline_cfn.template.changes import (
    SOME_INTERRUPTIONS,
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)
from iot_pipeline_cfn.template.stateful import holds_data, masked

RECREATION = {
    "Never": UpdateBehavior.NO_INTERRUPTION,
    "Conditionally": UpdateBehavior.MAYBE_REPLACEMENT,
    "Always": UpdateBehavior.REPLACEMENT,
}
"""What `RequiresRecreation` means:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
"""


def resource_change(change: Mapping[str, Any]) -> ResourceChange:
    """Read a `ResourceChange` of a change set."""
    action, resource_type = change["Action"], change["ResourceType"]
    read = ResourceChange(
        action=Action(action) if action in {*Action} else Action.UNKNOWN,
        logical_id=change["LogicalResourceId"],
        resource_type=resource_type,
        replacement=_replacement(change.get("Replacement", Replacement.NO)),
        properties=_property_changes(resource_type, change.get("Details", [])),
        physical_id=change.get("PhysicalResourceId", ""),
        policy_action=change.get("PolicyAction", ""),
    )
    # A conditional replacement is none if every condition is that of another database engine.
    is_known = read.behavior is UpdateBehavior.SOME_INTERRUPTION
    if is_known and read.replacement is Replacement.MAYBE:
        return replace(read, replacement=Replacement.NO)
    return read


def _replacement(value: str) -> Replacement:
    """Read `Replacement`; a value that AWS has added since may mean a replacement."""
    return Replacement(value) if value in {*Replacement} else Replacement.MAYBE


def _property_changes(
    resource_type: str, details: Iterable[Mapping[str, Any]]
) -> tuple[PropertyChange, ...]:
    """Return each property once: AWS details it for each cause, and once more with its values."""
    only_interrupted = SOME_INTERRUPTIONS.get(resource_type, frozenset())
    found: dict[str, PropertyChange] = {}
    for detail in details:
        target = detail.get("Target", {})
        path = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
        path = path or target.get("Name") or target.get("Attribute", "")
        known = found.get(path, PropertyChange(path))
        recreation = target.get("RequiresRecreation", "Never")
        # A value that AWS has added since may mean a replacement.
        behavior = RECREATION.get(recreation, UpdateBehavior.MAYBE_REPLACEMENT)
        if recreation == "Conditionally" and known.name in only_interrupted:
            behavior = UpdateBehavior.SOME_INTERRUPTION
        found[path] = PropertyChange(
            path=path,
            behavior=max(known.behavior, behavior, key=lambda each: each.rank),
            before=known.before or masked(target.get("BeforeValue"), path),
            after=known.after or masked(target.get("AfterValue"), path),
            because_of=min(
                filter(None, (known.because_of, detail.get("CausingEntity"))), default=""
            ),
        )
    return tuple(found.values())


def merge_changes(
    whole: Sequence[ResourceChange], with_values: Sequence[ResourceChange]
) -> list[ResourceChange]:
    """Return all changes, with their values where these are known."""
    known = {change.logical_id: change for change in with_values}
    return [known.get(change.logical_id, change) for change in whole]


def loses_data(change: ResourceChange) -> bool:
    """Return whether a stateful resource goes, or may go, and its data with it."""
    policy = change.policy_action.removeprefix("ReplaceAnd")
    return change.may_delete and holds_data({"Type": change.resource_type}, policy)


def change_data(change: ResourceChange) -> dict[str, Any]:
    """Return a change as data for JSON, its properties in the order of their paths."""
    data = change.as_data()
    properties = sorted(data["properties"], key=lambda part: part["path"])
    return data | {"loses_data": loses_data(change), "properties": properties}
