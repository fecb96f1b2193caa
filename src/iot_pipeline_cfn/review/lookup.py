"""The resources of an environment of one kind, resolved, and what is asked of them everywhere."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from . import values
from .values import Resource, Resources


def of_type(resources: Resources, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of every resource of a type, such as `EC2::VPC`, by logical id."""
    return dict(values.of_type(resources, f"AWS::{kind}"))


def listed(value: object) -> list[Any]:
    """Return a list as it is, and of what only a stack could tell, nothing."""
    return value if isinstance(value, list) else []


def number(value: object, otherwise: float = 0) -> float:
    """Return a number that a property has, or `otherwise` where only a stack could tell."""
    try:
        found = float(value) if isinstance(value, int | float | str) else otherwise
    except ValueError:
        return otherwise
    return found if isfinite(found) else otherwise


def components(resources: Resources, waits: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the part that each resource belongs to, by its tag.

    What takes no tags belongs where most of those do that it refers to. `waits` gives these.
    """
    found = {name: _tag(resource) for name, resource in resources.items()}
    while missing := {name: _majority(waits[name], found) for name in found if not found[name]}:
        if not any(missing.values()):
            return found | dict.fromkeys(missing, "others")
        found |= missing
    return found


def _tag(resource: Resource) -> str:
    match resource.get("Properties", {}).get("Tags"):
        case {"Component": str(part)}:
            return part
        case [*tags]:
            return next((tag["Value"] for tag in tags if tag["Key"] == "Component"), "")
    return ""


def _majority(names: Iterable[str], parts: Mapping[str, str]) -> str:
    votes = Counter(sorted(parts[name] for name in names if parts[name]))
    return votes.most_common(1)[0][0] if votes else ""
