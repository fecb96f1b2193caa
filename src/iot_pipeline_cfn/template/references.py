"""Which resources of a template refer to which."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SUBSTITUTED = re.compile(r"\$\{([\w:]+)\.?([\w.]*)\}")
"""What `Fn::Sub` fills in: a name, and perhaps an attribute."""


@dataclass(frozen=True)
class Use:
    """A place in a value that refers to something; without attribute, to what `Ref` gives."""

    path: tuple[str, ...]
    name: str
    attribute: str = ""


def references(value: object) -> Iterator[str]:
    """Yield every name that a rendered value refers to, parameters and `AWS::Region` included."""
    for use in uses(value):
        yield use.name


def uses(value: object, path: tuple[str, ...] = ()) -> Iterator[Use]:
    """Yield every reference of a rendered value with the way to it, on which `*` is any item.

    What a function is made of is no further on the way than the function.
    """
    match value:
        case {"Ref": str(name)}:
            yield Use(path, name)
        case {"Fn::GetAtt": [str(name), attribute]}:
            yield Use(path, name, str(attribute))
        case {"Fn::GetAtt": str(name)}:
            yield Use(path, *name.split(".", 1))
        case {"Fn::Sub": str(text)}:
            yield from (Use(path, *found) for found in SUBSTITUTED.findall(text))
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            yield from (
                Use(path, *found) for found in SUBSTITUTED.findall(text) if found[0] not in own
            )
            yield from uses([*own.values()], path)
        case Mapping():
            for key, item in value.items():
                function = len(value) == 1 and str(key).startswith("Fn::")
                yield from uses(item, path if function else (*path, str(key)))
        case list():
            for item in value:
                yield from uses(item, (*path, "*"))


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with references to other names instead of those that have one."""
    match value:
        case {"Ref": str(name)}:
            found: object = {"Ref": names.get(name, name)}
        case {"Fn::GetAtt": str(name)}:
            first, dot, attribute = name.partition(".")
            found = {"Fn::GetAtt": names.get(first, first) + dot + attribute}
        case {"Fn::GetAtt": [str(name), *attributes]}:
            found = {"Fn::GetAtt": [names.get(name, name), *attributes]}
        case {"Fn::Sub": str(text)}:
            found = {"Fn::Sub": _substituted(text, names)}
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            others = {old: new for old, new in names.items() if old not in own}
            found = {"Fn::Sub": [_substituted(text, others), renamed(own, names)]}
        case Mapping():
            found = {key: renamed(item, names) for key, item in value.items()}
        case list():
            found = [renamed(item, names) for item in value]
        case _:
            found = value
    return found


def _substituted(text: str, names: Mapping[str, str]) -> str:
    return SUBSTITUTED.sub(
        lambda found: found[0].replace(found[1], names.get(found[1], found[1]), 1), text
    )


def waits_for(resource: Mapping[str, object]) -> set[str]:
    """Return every name that a rendered resource refers to, or depends on explicitly."""
    # CloudFormation takes one name or a list of them.
    explicit = resource.get("DependsOn", [])
    depends_on = explicit if isinstance(explicit, list) else [explicit]
    return {*references(resource), *depends_on}


def reachable(
    start: str, names: Collection[str], body: Callable[[str], Mapping[str, object]]
) -> set[str]:
    """Return every resource that must exist before one: all that it refers to or depends on.

    `names` are those of the template's resources, and `body` gives the rendered resource of a name.
    References count whether or not a condition leaves them out.
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
    """Return for each resource those that it waits for directly."""
    return {
        name: (waits_for(resource) & resources.keys()) - {name}
        for name, resource in resources.items()
    }
