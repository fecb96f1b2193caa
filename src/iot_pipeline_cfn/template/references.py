"""References within rendered templates: the one place that reads intrinsic functions for names.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

VARIABLE: Final = re.compile(r"\$\{([^!{}][^{}]*)\}")
"""A variable of `Fn::Sub`: `${Name}` or `${Name.Attribute}`, but not the literal `${!Name}`."""


class Namespace(StrEnum):
    """The section of a template in which a name is looked up."""

    VALUE = "Value"
    """Resources, parameters and pseudo parameters."""
    CONDITION = "Condition"
    MAPPING = "Mapping"


@dataclass(frozen=True)
class Reference:
    """A reference within a value.

    Attributes:
        name: The name it refers to, such as a logical ID or `AWS::Region`.
        attribute: The attribute of `Fn::GetAtt`; empty for `Ref`.
        path: The keys that lead to it. `*` stands for any item of a list; functions add nothing.
        namespace: Where its name is looked up.

    """

    name: str
    attribute: str = ""
    path: tuple[str, ...] = ()
    namespace: Namespace = Namespace.VALUE


Rename = Callable[[Reference], str]


def map_references(value: Any, rename: Rename, path: tuple[str, ...] = ()) -> Any:
    """Return a copy of a value in which `rename` gives the name of each reference."""
    if isinstance(value, list):
        return [map_references(item, rename, (*path, "*")) for item in value]
    if isinstance(value, str) or not isinstance(value, Mapping):
        return value
    match value:
        case {"Type": str(), "Condition": str(name)}:
            rest = {key: item for key, item in value.items() if key != "Condition"}
            condition = rename(Reference(name, "", path, Namespace.CONDITION))
            return {**map_references(rest, rename, path), "Condition": condition}
        case _ if len(value) == 1:
            ((key, argument),) = value.items()
            mapped = _map_function(key, argument, rename, path)
            if mapped is None:
                inner = path if str(key).startswith("Fn::") else (*path, str(key))
                mapped = map_references(argument, rename, inner)
            return {key: mapped}
    return {key: map_references(item, rename, (*path, str(key))) for key, item in value.items()}


_NAMESPACES: Final = MappingProxyType(
    {
        "Condition": Namespace.CONDITION,
        "Fn::FindInMap": Namespace.MAPPING,
        "Fn::GetAtt": Namespace.VALUE,
        "Fn::If": Namespace.CONDITION,
        "Ref": Namespace.VALUE,
    }
)
"""Functions whose argument is a name, or a list that begins with one."""


def _map_function(function: str, argument: Any, rename: Rename, path: tuple[str, ...]) -> Any:
    """Return the argument of a function that refers to something by name, None for any other."""
    match argument:
        case str(text) | [str(text)] if function == "Fn::Sub":
            return _map_text(text, (), rename, path)
        case [str(text), Mapping() as own] if function == "Fn::Sub":
            values = map_references([*own.values()], rename, path)
            return [_map_text(text, own, rename, path), dict(zip(own, values, strict=True))]
        case str(text) if namespace := _NAMESPACES.get(function):
            name, dot, attribute = text.partition(".")
            return rename(Reference(name, attribute, path, namespace)) + dot + attribute
        case [str(name), *rest] if namespace := _NAMESPACES.get(function):
            attribute = str(rest[0]) if function == "Fn::GetAtt" and rest else ""
            reference = Reference(name, attribute, path, namespace)
            return [rename(reference), *map_references(rest, rename, path)]
    return None


def _map_text(text: str, own: Container[str], rename: Rename, path: tuple[str, ...]) -> str:
    """Return a text of `Fn::Sub` with its references renamed; `own` has its own variables."""

    def variable(found: re.Match[str]) -> str:
        if found[1] in own:
            return found[0]
        name, dot, attribute = found[1].partition(".")
        return f"${{{rename(Reference(name, attribute, path))}{dot}{attribute}}}"

    return VARIABLE.sub(variable, text)


def find_references(value: object, namespace: Namespace = Namespace.VALUE) -> list[Reference]:
    """Return the references within a value, in the order of the template."""
    found = []

    def note(reference: Reference) -> str:
        found.append(reference)
        return reference.name

    map_references(value, note)
    return [reference for reference in found if reference.namespace is namespace]


def references(value: object) -> Iterator[str]:
    """Yield the names that a value refers to, parameters and `AWS::Region` included."""
    for reference in find_references(value):
        yield reference.name


def rename_references(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with references to resources and parameters renamed."""

    def rename(reference: Reference) -> str:
        is_value = reference.namespace is Namespace.VALUE
        return names.get(reference.name, reference.name) if is_value else reference.name

    return map_references(value, rename) if names else value


def waits_for(resource: Mapping[str, object]) -> set[str]:
    """Return the names that a resource refers to or depends on explicitly."""
    # CloudFormation accepts one name or a list of names.
    explicit = resource.get("DependsOn", [])
    depends_on = explicit if isinstance(explicit, list) else [explicit]
    return {*references(resource), *depends_on}


def reachable(
    start: str, names: Collection[str], body: Callable[[str], Mapping[str, object]]
) -> set[str]:
    """Return all resources that one refers to or depends on, directly and indirectly.

    References count whether or not a condition excludes them.

    Args:
        start: The logical ID of the resource.
        names: The logical IDs of all resources of the template.
        body: A function from a logical ID to the rendered resource.

    """
    found: set[str] = set()
    to_do = [start]
    while to_do:
        named = waits_for(body(to_do.pop()))
        new = {name for name in named if name in names} - found
        found |= new
        to_do += new
    return found


def dependencies(resources: Mapping[str, Mapping[str, object]]) -> dict[str, set[str]]:
    """Return the resources that each resource refers to or depends on directly."""
    return {
        name: (waits_for(resource) & resources.keys()) - {name}
        for name, resource in resources.items()
    }


def walk(value: Any) -> Iterator[Any]:
    """Yield a value and every value within it, outer values first."""
    to_do = [value]
    while to_do:
        part = to_do.pop()
        yield part
        if isinstance(part, dict):
            to_do.extend(reversed(part.values()))
        elif isinstance(part, list):
            to_do.extend(reversed(part))
