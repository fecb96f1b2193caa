"""The resources of an environment of one kind, resolved, and what is asked of them everywhere."""

from collections.abc import Mapping
from typing import Any

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]


def of_type(resources: Resources, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of every resource of a type, such as `EC2::VPC`, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def listed(value: object) -> list[Any]:
    """Return a list as it is, and of what only a stack could tell, nothing."""
    return value if isinstance(value, list) else []


def number(value: object, otherwise: float = 0) -> float:
    """Return a number that a property has, or `otherwise` where only a stack could tell."""
    return float(value) if isinstance(value, int | float | str) else otherwise
