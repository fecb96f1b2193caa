"""Reading resolved resources, in which a value may be one that only a stack can tell."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]
Network = IPv4Network | IPv6Network

_OWN = re.compile(r"\$\{([^!}]+)\}")

SHOWN = 3
"""How many of many things a line names."""


def properties(resource: object) -> Mapping[str, Any]:
    """Return the properties of a resource, none where it has none that can be read."""
    match resource:
        case {"Properties": Mapping() as found}:
            return found
    return {}


def type_of(resource: object) -> str:
    """Return the type of a resource, empty where it has none that can be read."""
    match resource:
        case {"Type": str(kind)}:
            return kind
    return ""


def of_type(resources: Resources, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the logical id and the properties of every resource of a type."""
    for name, resource in resources.items():
        if type_of(resource) == kind:
            yield name, properties(resource)


def alternatives(value: object) -> Iterator[object]:
    """Yield every single value that a value may hold: of lists each item, of `Fn::If` both sides.

    What is not there, which is also what `AWS::NoValue` means, is left out.
    """
    match value:
        case None | {"Ref": "AWS::NoValue"}:
            return
        case list():
            for item in value:
                yield from alternatives(item)
        case {"Fn::If": [_, met, otherwise]}:
            yield from alternatives(met)
            yield from alternatives(otherwise)
        case _:
            yield value


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping that a value may hold, as `alternatives` does."""
    return (item for item in alternatives(value) if isinstance(item, Mapping))


def at(value: object, path: str) -> list[object]:
    """Return every single value that may stand at a path such as `VpcConfig.SecurityGroupIds`.

    On its way a path goes through lists and through both sides of `Fn::If`.
    """
    found = list(alternatives(value))
    for key in path.split("."):
        found = [
            item
            for step in found
            if isinstance(step, Mapping)
            for item in alternatives(step.get(key))
        ]
    return found


def text_of(value: object) -> str:
    """Return a value as text, the same for each way to write it: `${Database.Arn}`."""
    match value:
        case str(text) | {"Fn::Sub": str(text)}:
            found = text
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            found = f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            found = f"${{{name}.{attribute}}}"
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            found = _OWN.sub(lambda at: text_of(own[at[1]]) if at[1] in own else at[0], text)
        case {"Fn::Join": [str(delimiter), list(parts)]}:
            found = delimiter.join(map(text_of, parts))
        case _:
            found = "" if value is None else json.dumps(value, default=str, sort_keys=True)
    return found


def shown(text: str) -> str:
    """Return a text of `text_of` for people: of a reference alone, only the name."""
    return text[2:-1] if _OWN.fullmatch(text) else text


def listing(items: Iterable[str], separator: str = ", ") -> str:
    """Return the first few of the items, sorted, and how many there are besides."""
    ordered = sorted(set(items))
    more = [f"and {left} more"] if (left := len(ordered) - SHOWN) > 0 else []
    return " ".join([separator.join(ordered[:SHOWN]), *more])


def network_of(text: str) -> Network | None:
    """Return the range of addresses that a text is, if it is one."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def is_within(inner: Network | None, outer: Network | None) -> bool:
    """Return whether a range of addresses is part of another one."""
    match inner, outer:
        case IPv4Network(), IPv4Network():
            return inner.subnet_of(outer)
        case IPv6Network(), IPv6Network():
            return inner.subnet_of(outer)
    return False
