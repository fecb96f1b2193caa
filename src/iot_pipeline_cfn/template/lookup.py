"""Reading resources of a template whose values may be intrinsic functions."""

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from .references import VARIABLE

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]


def type_of(resource: object) -> str:
    """Return the type of a resource, or an empty string where it has none."""
    match resource:
        case {"Type": str(kind)}:
            return kind
    return ""


def properties_of(resource: object) -> Mapping[str, Any]:
    """Return the properties of a resource, which may have none."""
    match resource:
        case {"Properties": Mapping() as found}:
            return found
    return {}


def of_type(resources: Resources, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of every resource of a type such as `AWS::EC2::VPC`, by logical ID."""
    return {
        name: properties_of(resource)
        for name, resource in resources.items()
        if type_of(resource) == kind
    }


def number(value: object, default: float = 0) -> float:
    """Return a number, or the default where the value is missing or a reference."""
    try:
        found = float(value) if isinstance(value, int | float | str) else default
    except ValueError:
        return default
    return found if isfinite(found) else default


def scalar_text(value: object) -> str:
    """Return a scalar as CloudFormation reads it: `true` for a boolean."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_list(value: object) -> list[Any]:
    """Return a list as it is, and an empty one instead of anything else."""
    return value if isinstance(value, list) else []


def possible_values(value: object) -> Iterator[object]:
    """Yield every scalar or object that a value may be: list items, both branches of `Fn::If`.

    A missing value and `AWS::NoValue` yield nothing.
    """
    match value:
        case None | {"Ref": "AWS::NoValue"}:
            return
        case list():
            for item in value:
                yield from possible_values(item)
        case {"Fn::If": [_, met, otherwise]}:
            yield from possible_values(met)
            yield from possible_values(otherwise)
        case _:
            yield value


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects among the possible values."""
    return (item for item in possible_values(value) if isinstance(item, Mapping))


def values_at(value: object, path: str) -> list[object]:
    """Return the possible values at a path such as `VpcConfig.SecurityGroupIds`.

    The path continues in every list item and in both branches of `Fn::If`.
    """
    found = list(possible_values(value))
    for key in path.split("."):
        found = [
            item
            for step in found
            if isinstance(step, Mapping)
            for item in possible_values(step.get(key))
        ]
    return found


def text_of(value: object) -> str:
    """Return a value as text; all ways to write a reference become `${Database.Arn}`."""
    match value:
        case str(text) | {"Fn::Sub": str(text)}:
            found = text
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            found = f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            found = f"${{{name}.{attribute}}}"
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            found = VARIABLE.sub(lambda at: text_of(own[at[1]]) if at[1] in own else at[0], text)
        case {"Fn::Join": [str(delimiter), list(parts)]}:
            found = delimiter.join(map(text_of, parts))
        case {"Fn::ImportValue": name}:
            found = f"ImportValue({text_of(name)})"
        case {"Fn::FindInMap": list(keys)}:
            found = f"FindInMap({', '.join(map(text_of, keys))})"
        case _:
            found = "" if value is None else json.dumps(value, default=str, sort_keys=True)
    return found


def short_text_of(value: object) -> str:
    """Return a value as text; a reference becomes `Database.Arn`."""
    text = text_of(value)
    return text[2:-1] if VARIABLE.fullmatch(text) else text
