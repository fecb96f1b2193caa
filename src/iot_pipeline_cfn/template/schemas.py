"""AWS's own resource schemas, as cfn-lint ships them: read from its files, without importing it.

What the entries mean:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REGION = "us-east-1"
"""Where every resource type is; how a type is updated differs in no region."""


class MissingSchemasError(Exception):
    """cfn-lint is not installed, or no more as it was; the message says what to do."""


def schema_of(kind: str) -> Mapping[str, Any] | None:
    """Return the schema of a resource type, such as `AWS::EC2::VPC`, or None where AWS has none.

    Raises:
        MissingSchemasError: when there are no schemas.

    """
    file = _files().get(kind)
    return read(f"resources/{file}.json") if file else None


@cache
def paths(kind: str, entry: str) -> frozenset[tuple[str, ...]]:
    """Return the properties that a schema lists under an entry, such as `createOnlyProperties`.

    Each is the way to it, where `*` stands for any item of a list.

    Raises:
        MissingSchemasError: when there are no schemas.

    """
    schema = schema_of(kind) or {}
    # `additionalIdentifiers` has a list for each way to identify a resource.
    listed = (one if isinstance(one, list) else [one] for one in schema.get(entry, ()))
    return frozenset(tuple(path.split("/")[2:]) for one in listed for path in one)


@cache
def _files() -> dict[str, str]:
    return read(f"providers/{REGION}.json")


@cache
def read(name: str) -> dict[str, Any]:
    """Return what is in a file of the schemas.

    Raises:
        MissingSchemasError: when it is not there.

    """
    spec = find_spec("cfnlint")
    directory = Path(spec.origin).parent if spec and spec.origin else Path("missing")
    try:
        content = (directory / "data/schemas" / name).read_bytes()
    except FileNotFoundError:
        message = (
            "the resource schemas of AWS that cfn-lint brings are not there: install what reviews "
            "need, with make or pip install 'iot-pipeline-cfn[review]'"
        )
        raise MissingSchemasError(message) from None
    found: dict[str, Any] = json.loads(content)
    return found
