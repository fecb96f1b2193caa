"""Any CloudFormation template in JSON or YAML, with the shape that everything else relies on.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .files import UnreadableFileError, parse_object
from .schemas import MissingSchemasError

SCALARS: Final = (str, int, float)
FORMS: Final[Mapping[str, tuple[type | tuple[type, ...], str]]] = MappingProxyType(
    {
        "Conditions": (dict, "an object"),
        "Conditions.*": (dict, "an object"),
        "Mappings": (dict, "an object"),
        "Mappings.*": (dict, "an object"),
        "Mappings.*.*": (dict, "an object"),
        "Outputs": (dict, "an object"),
        "Outputs.*": (dict, "an object"),
        "Outputs.*.Condition": (str, "the name of a condition"),
        "Outputs.*.Export": (dict, "an object"),
        "Parameters": (dict, "an object"),
        "Parameters.*": (dict, "an object"),
        "Parameters.*.AllowedValues": (list, "a list"),
        "Parameters.*.Default": (SCALARS, "text or a number"),
        "Parameters.*.Type": (str, "text"),
        "Resources": (dict, "an object"),
        "Resources.*": (dict, "an object"),
        "Resources.*.Condition": (str, "the name of a condition"),
        "Resources.*.DependsOn": ((str, list), "a logical ID or a list of them"),
        "Resources.*.DependsOn.*": (str, "a logical ID"),
        "Resources.*.Metadata": (dict, "an object"),
        "Resources.*.Properties": (dict, "an object"),
        "Resources.*.Type": (str, "text"),
        "Rules": (dict, "an object"),
        "Rules.*": (dict, "an object"),
    }
)
"""What stands at a place of a template, and its name. `*` is any key but that of a function,
which parameters cannot have."""


def parse_template(path: Path, text: bytes) -> dict[str, Any]:
    """Return the template in the text of a file.

    Raises:
        MissingSchemasError: It is YAML, and cfn-lint is not installed, which reads that.
        UnreadableFileError: The text is no template. The error names the line or the place.

    """
    is_json = text.lstrip().startswith(b"{") or path.suffix == ".json"
    content = parse_object(path, text) if is_json else _parse_yaml(path, text)
    for place, expected in FORMS.items():
        form, name = expected
        for found, value in _values_at(content, place.split(".")):
            if not isinstance(value, form):
                raise UnreadableFileError(path, f"must be {name}", found)
    if not content.get("Resources"):
        raise UnreadableFileError(path, "is not a template with resources")
    for name, resource in content["Resources"].items():
        if not name.startswith("Fn::") and "Type" not in resource:
            raise UnreadableFileError(path, "must have a Type", f"Resources.{name}")
    return content


def _values_at(value: Any, keys: list[str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values at a place, each with its path."""
    if not keys:
        yield path[1:], value
        return
    key, *rest = keys
    entries: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        entries = value
    elif isinstance(value, list):
        entries = dict(enumerate(value))
    for name, item in entries.items():
        is_function = str(name).startswith("Fn::")
        if name == key or (key == "*" and (path == ".Parameters" or not is_function)):
            yield from _values_at(item, rest, f"{path}.{name}")


def _parse_yaml(path: Path, text: bytes) -> dict[str, Any]:
    """Return the content of a YAML template; its short forms such as `!Ref` become functions."""
    try:
        from cfnlint.decode.cfn_yaml import loads
        from yaml import YAMLError
    except ImportError:
        raise MissingSchemasError from None
    try:
        # A date is text to CloudFormation.
        content = json.loads(json.dumps(loads(text.decode()), default=str))
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise UnreadableFileError(path, "not YAML: nested too deeply") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        lines = str(getattr(error, "problem", None) or error).splitlines()
        place = f"line {mark.line + 1}" if mark else ""
        raise UnreadableFileError(path, f"not YAML: {lines[0]}", place) from None
    except ValueError as error:
        raise UnreadableFileError(path, f"not YAML: {error}") from None
    if not isinstance(content, dict):
        raise UnreadableFileError(path, "must be an object")
    return content
