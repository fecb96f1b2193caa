"""AWS's own resource schemas, as cfn-lint ships them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"


@cache
def providers() -> dict[str, str]:
    return json.loads((SCHEMAS / "providers" / "ap-northeast-1.json").read_text())


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of a resource type, such as `AWS::EC2::VPC`."""
    return json.loads((SCHEMAS / "resources" / f"{providers()[kind]}.json").read_text())


def tag_property(kind: str) -> str | None:
    """Return the property that holds a resource type's tags, or nothing where it has none."""
    schema = schema_of(kind)
    tagging = schema.get("tagging", {})
    if tagging.get("taggable", schema.get("taggable", "Tags" in schema["properties"])):
        return tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]
    return None


def identifier(kind: str) -> list[str]:
    """Return the properties that name one resource of a type among all of an account's."""
    return [path.rpartition("/")[2] for path in schema_of(kind)["primaryIdentifier"]]
