"""AWS's resource schemas, as cfn-lint has them, so that the linter and a review always agree.

They are read from its files, because importing it takes half a second, most of it for sympy.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
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
    if resource_type.startswith("Custom::"):
        resource_type = "AWS::CloudFormation::CustomResource"
    name = _names().get(resource_type)
    return _read(f"resources/{name}.json") if name else None


@cache
def _names() -> Mapping[str, str]:
    """Return the name of the file of each resource type, which several Regions share."""
    return {**_read(f"providers/{REGION}.json"), **_read("providers/sam.json")}


def _read(path: str) -> Mapping[str, Any]:
    package = find_spec("cfnlint")
    if package is None or package.origin is None:
        raise MissingSchemasError
    content: Mapping[str, Any] = json.loads(
        (Path(package.origin).parent / "data/schemas" / path).read_bytes()
    )
    return content


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
