"""Lookups in a template, for the rules."""

from collections.abc import Iterator
from typing import Any

import networkx
import regex

VARIABLE = regex.compile(r"\$\{([^!}][^}]*)\}")


def resources(cfn: Any, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the logical ID and the properties of each resource of some types."""
    for name, resource in cfn.get_resources([*types]).items():
        properties = resource.get("Properties", {})
        if isinstance(properties, dict):
            yield name, properties


def type_of(cfn: Any, name: str) -> str:
    """Return the type of a resource."""
    return str(cfn.template["Resources"][name].get("Type"))


def references(cfn: Any, name: str, *path: str) -> dict[str, list[Any]]:
    """Return the resources that a property of a resource references, with the path of each."""
    where = ["Properties", *path]
    edges = cfn.graph.graph.out_edges(name, data=True) if cfn.graph else ()
    return {
        target: data["source_paths"]
        for _, target, data in edges
        if data["source_paths"][: len(where)] == where
    }


def of_type(cfn: Any, names: Any, *types: str) -> list[str]:
    """Return the resources among some that are of a type."""
    return [name for name in names if type_of(cfn, name) in types]


def waits_for(cfn: Any, name: str) -> set[str]:
    """Return all resources that CloudFormation creates before a resource."""
    return set(networkx.descendants(cfn.graph.graph, name)) if cfn.graph else set()


def can_coexist(cfn: Any, *names: str) -> bool:
    """Return whether the conditions of some resources can hold together."""
    conditions = {cfn.template["Resources"][name].get("Condition") for name in names} - {None}
    held = {condition: {True} for condition in conditions}
    return not held or any(True for _ in cfn.conditions.build_scenarios(held))


def text(value: Any) -> str | None:
    """Return a string with its references as `${Name}`, or None where it cannot be told."""
    found = None
    match value:
        case str() | {"Fn::Sub": str()}:
            found = value if isinstance(value, str) else value["Fn::Sub"]
        case {"Ref": str() as name}:
            found = f"${{{name}}}"
        case {"Fn::GetAtt": [str() as name, str() as attribute]}:
            found = f"${{{name}.{attribute}}}"
        case {"Fn::Sub": [str() as pattern, dict() as variables]}:
            parts = {name: text(each) for name, each in variables.items()}
            if None not in parts.values():
                found = VARIABLE.sub(lambda match: parts.get(match[1], match[0]), pattern)
        case {"Fn::Join": [str() as delimiter, list() as items]}:
            texts = [text(item) for item in items]
            known = [each for each in texts if each is not None]
            found = delimiter.join(known) if len(known) == len(texts) else None
    return found


def choices(cfn: Any, value: Any) -> set[str]:
    """Return the parameters that decide a value, also through conditions."""
    parameters, conditions = cfn.get_parameters_valid(), cfn.template.get("Conditions", {})
    found: set[str] = set()
    seen: set[str] = set()
    rest = [value]
    while rest:
        part = rest.pop()
        match part:
            case {"Ref": str() as name}:
                found.add(name)
            case {"Condition": str() as name} | {"Fn::If": [str() as name, *_]} if name not in seen:
                seen.add(name)
                rest.append(conditions.get(name))
            case {"Fn::Sub": str() as pattern} | {"Fn::Sub": [str() as pattern, *_]}:
                found.update(VARIABLE.findall(pattern))
        if isinstance(part, dict):
            rest.extend(part.values())
        elif isinstance(part, list):
            rest.extend(part)
    return found & set(parameters)
