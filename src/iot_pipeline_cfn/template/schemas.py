"""AWS's resource schemas, as cfn-lint has them, so that the linter and a review always agree.

Importing cfn-lint takes half a second, most of it for sympy, so it waits until a schema is needed.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

REGION = "us-east-1"
"""The region with every resource type; update behaviors are the same in all regions."""


class MissingSchemasError(Exception):
    """cfn-lint is not installed."""

    def __init__(self) -> None:
        """Name the extra to install."""
        super().__init__(
            "cfn-lint, which has AWS's resource schemas, is not installed: in the checkout, run "
            "make review, or pip install '.[review]'"
        )


@cache
def schema_of(resource_type: str) -> Mapping[str, Any] | None:
    """Return the schema of a resource type such as `AWS::EC2::VPC`, or None for an unknown type.

    Raises:
        MissingSchemasError: cfn-lint is not installed.

    """
    try:
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError
    except ImportError:
        raise MissingSchemasError from None
    try:
        found = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type)
    except ResourceNotFoundError:
        return None
    schema: Mapping[str, Any] = found.schema
    return schema


@cache
def paths(resource_type: str, entry: str) -> frozenset[tuple[str, ...]]:
    """Return the property paths that a schema lists under an entry such as `createOnlyProperties`.

    A `*` in a path stands for any item of a list.

    Raises:
        MissingSchemasError: cfn-lint is not installed.

    """
    schema = schema_of(resource_type) or {}
    # `additionalIdentifiers` has a list for each way to identify a resource.
    listed = (one if isinstance(one, list) else [one] for one in schema.get(entry, ()))
    return frozenset(tuple(path.split("/")[2:]) for one in listed for path in one)


def is_number(resource_type: str, path: tuple[str, ...]) -> bool:
    """Return whether the schema of a type has only numbers at a path of a property.

    Raises:
        MissingSchemasError: cfn-lint is not installed.

    """
    schema = schema_of(resource_type) or {}
    part: Mapping[str, Any] = schema
    for key in path:
        inner = part.get("items") if key == "*" else part.get("properties", {}).get(key)
        part = inner if isinstance(inner, Mapping) else {}
        if "$ref" in part:
            part = schema.get("definitions", {}).get(part["$ref"].rpartition("/")[2], {})
    return part.get("type") in ("integer", "number")
