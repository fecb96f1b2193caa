"""An environment before and after a change, with parameters and conditions resolved."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource
from iot_pipeline_cfn.template.parameters import ParameterFile
from iot_pipeline_cfn.template.references import (
    Namespace,
    Reference,
    find_references,
    map_references,
)
from iot_pipeline_cfn.template.resolution import Resolver

CHANGED: Final = " (changed)"
"""The mark behind a name that cannot be resolved and whose meaning changes."""

PARAMETER: Final = " (parameter)"
"""The mark behind the name of a parameter that is a resource on the other side."""

Template = Mapping[str, Any]


@dataclass(frozen=True)
class EnvironmentSource:
    """A template with the parameters of one environment type; None is an unknown value."""

    template: Template = field(default_factory=dict)
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    file: ParameterFile | None = None
    is_new: bool = False
    """Whether only environments that are still to be created are meant."""


@dataclass(frozen=True, eq=False)
class ResolvedEnvironment:
    """An environment of one type as a template describes it, with its parameters resolved.

    Two of these are equal only if they are the same object, so that results can be cached.
    """

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    region: str = ""
    source: EnvironmentSource = field(default_factory=EnvironmentSource)


def pseudo_parameters(region: str) -> dict[str, str]:
    """Return the pseudo parameters that are known before a stack exists.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
    """
    china = region.startswith("cn-")
    partition = "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
    }


def resolve_pair(
    before: EnvironmentSource, after: EnvironmentSource, region: str, *, is_open: bool = False
) -> tuple[ResolvedEnvironment, ResolvedEnvironment]:
    """Resolve an environment before and after a change.

    References that cannot be resolved stay as they are. If one means something else after the
    change, such as a condition on a parameter without a value, its name is marked as changed. A
    condition or a mapping that only gets another name keeps the old one.

    In an open pair every condition may be met or not that depends on a parameter which stacks have
    before the change: only resources and values differ in it, not the definitions of conditions and
    mappings.
    """
    opening = frozenset(before.template.get("Parameters", {}) if is_open else ())
    sides = [_TemplateSide(source, region, opening) for source in (before, after)]
    old, new = (side.open_names() for side in sides)
    known: dict[Name, str] = {}
    for namespace, name in sorted(old):
        known.setdefault((namespace, _text(old[namespace, name])), name)
    names = [_common_names(side, known) for side in (old, new)]
    for key in old.keys() & new.keys():
        kinds = [isinstance(side[key], _Resource) for side in (old, new)]
        if kinds[0] != kinds[1]:
            names[kinds.index(False)][key] = f"{key[1]}{PARAMETER}"
        elif key[0] is not Namespace.MAPPING and not is_open and old[key] != new[key]:
            names[1].setdefault(key, f"{key[1]}{CHANGED}")
    resolved = [side.environment(renamed) for side, renamed in zip(sides, names, strict=True)]
    mappings = [_mappings(*pair) for pair in zip((old, new), names, strict=True)]
    lookups = _Lookups(mappings[0], mappings[0] if is_open else mappings[1])
    return lookups.finished(resolved[0], is_new=False), lookups.finished(resolved[1], is_new=True)


Name = tuple[Namespace, str]
"""A name, and the section of the template in which it is defined."""

NEGATED: Final = "not "
"""The mark before a condition that stands for its opposite, until branches are swapped."""


class _Resource:
    """The definition of a name that a resource has, whatever the resource is."""

    def __eq__(self, other: object) -> bool:
        """Return whether the other definition is that of a resource too."""
        return isinstance(other, _Resource)

    __hash__ = None  # type: ignore[assignment]


def _text(definition: object) -> str:
    return json.dumps(definition, sort_keys=True, default=str)


def _common_names(definitions: Mapping[Name, object], known: Mapping[Name, str]) -> dict[Name, str]:
    """Return the first old names of the conditions and mappings that are defined alike.

    The opposite of a condition is named after it.
    """
    found: dict[Name, str] = {}
    for key, definition in definitions.items():
        namespace, name = key
        match definition:
            case {"Fn::Not": [opposite]}:
                pass
            case _:
                opposite = {"Fn::Not": [definition]}
        common = known.get((namespace, _text(definition)))
        negated = known.get((namespace, _text(opposite)))
        if namespace is Namespace.CONDITION and negated and (not common or negated < common):
            found[key] = f"{NEGATED}{negated}"
        elif namespace is not Namespace.VALUE and common and common != name:
            found[key] = common
    return found


def _mappings(definitions: Mapping[Name, object], names: Mapping[Name, str]) -> dict[str, Any]:
    """Return the bodies of the mappings by their common names."""
    return {
        names.get(key, key[1]): body
        for key, body in definitions.items()
        if key[0] is Namespace.MAPPING
    }


class _Lookups:
    """The mappings of both sides, by which `Fn::FindInMap` with unknown keys is compared."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Keep the bodies of the mappings by their common names."""
        self._old, self._new = old, new

    def finished(self, side: "ResolvedEnvironment", *, is_new: bool) -> "ResolvedEnvironment":
        """Return an environment with branches swapped, and its changed lookups marked."""
        resources, outputs = (self._value(part, is_new) for part in (side.resources, side.outputs))
        return replace(side, resources=resources, outputs=outputs)

    def _value(self, value: Any, is_new: bool) -> Any:
        match value:
            case {"Fn::If": [str(name), yes, no]} if name.startswith(NEGATED):
                swapped = [name.removeprefix(NEGATED), no, yes]
                return {"Fn::If": [self._value(part, is_new) for part in swapped]}
            case {"Fn::FindInMap": [str(name), *keys]} if is_new and not self._is_kept(name, keys):
                return {"Fn::FindInMap": [f"{name}{CHANGED}", *keys]}
            case Mapping():
                return {key: self._value(part, is_new) for key, part in value.items()}
            case list():
                return [self._value(part, is_new) for part in value]
        return value

    def _is_kept(self, name: str, keys: list[Any]) -> bool:
        """Return whether a lookup finds what it has found before; a mapping may get entries."""
        old, new = (_entries(side.get(name), keys[:2]) for side in (self._old, self._new))
        # With a default, the lookup can have found that instead of a new entry.
        return old == new if len(keys) > 2 else old.items() <= new.items()


def _entries(mapping: object, keys: list[Any]) -> dict[tuple[str, str], str]:
    """Return the entries of a mapping that a lookup can find, as text."""
    first_key, second_key = (
        key if isinstance(key, str) else None for key in [*keys, None, None][:2]
    )
    rows = mapping if isinstance(mapping, Mapping) else {}
    return {
        (first, second): _text(value)
        for first, row in rows.items()
        if first_key in (None, first) and isinstance(row, Mapping)
        for second, value in row.items()
        if second_key in (None, second)
    }


def _parameters_of(
    expression: object, conditions: Mapping[str, Any], within: frozenset[str]
) -> set[str]:
    """Return the names that a condition refers to, also through other conditions."""
    found = {reference.name for reference in find_references(expression)}
    for reference in find_references(expression, Namespace.CONDITION):
        if reference.name not in within:
            inner = conditions.get(reference.name)
            found |= _parameters_of(inner, conditions, within | {reference.name})
    return found


class _TemplateSide:
    """One side of a change, with the resolver of its template."""

    def __init__(self, source: EnvironmentSource, region: str, opening: frozenset[str]) -> None:
        """Prepare the resolver; a parameter that is None is unknown even if it has a default.

        A condition that depends on a parameter in `opening` is not known.
        """
        declared = source.template.get("Parameters", {})
        values = source.parameters
        parameters = {
            name: {part: entry[part] for part in entry if part != "Default"}
            if name in values and values[name] is None
            else entry
            for name, entry in declared.items()
        }
        self._source = source
        self._opening = opening
        self._region = region
        self._values = {name: value for name, value in values.items() if value is not None}
        self._template = {**source.template, "Parameters": parameters}
        conditions = source.template.get("Conditions", {})
        known = {
            name: body
            for name, body in conditions.items()
            if not opening or not opening & _parameters_of(body, conditions, frozenset({name}))
        }
        self._resolver = Resolver(
            {**self._template, "Conditions": known}, self._values | pseudo_parameters(region)
        )

    def open_names(self) -> dict[Name, object]:
        """Return the definitions of all names that may remain in resolved values."""
        resources = {
            (Namespace.VALUE, name): _Resource() for name in self._template.get("Resources", {})
        }
        parameters = {
            (Namespace.VALUE, name): self._values.get(name, declaration.get("Default"))
            for name, declaration in self._template["Parameters"].items()
        }
        conditions = {
            (Namespace.CONDITION, name): self._expanded(body, frozenset({name}))
            for name, body in self._template.get("Conditions", {}).items()
            if self._resolver.holds({"Condition": name}) is None
        }
        mappings = {
            (Namespace.MAPPING, name): body
            for name, body in self._template.get("Mappings", {}).items()
        }
        return {**resources, **parameters, **conditions, **mappings}

    def _expanded(self, expression: Any, within: frozenset[str]) -> Any:
        """Return a condition with the conditions that it refers to, and parameters resolved.

        The order of operands has no meaning.
        """
        match expression:
            case {"Condition": str(name)} if name not in within:
                inner = self._template.get("Conditions", {}).get(name)
                return self._expanded(inner, within | {name})
            case {"Fn::Not": [{"Fn::Not": [inner]}]}:
                return self._expanded(inner, within)
            case {"Fn::And": list()} | {"Fn::Or": list()} | {"Fn::Not": list()}:
                return {
                    name: sorted((self._expanded(one, within) for one in operands), key=_text)
                    for name, operands in expression.items()
                }
            case {"Fn::Equals": [first, second]}:
                values = (self._operand(each) for each in (first, second))
                return {"Fn::Equals": sorted(values, key=_text)}
        return self._operand(expression)

    def _operand(self, value: Any) -> Any:
        """Return an operand of a condition; parameters on which it is open stay references."""
        return value if self._opening else self._resolver.value(value)

    def environment(self, names: Mapping[Name, str]) -> ResolvedEnvironment:
        """Return the resolved environment with other names for some references."""

        def rename(reference: Reference) -> str:
            return names.get((reference.namespace, reference.name), reference.name)

        sections = {name: self._section(name) for name in ("Resources", "Outputs")}
        if names:
            sections = map_references(sections, rename)
        resources, outputs = sections.values()
        return ResolvedEnvironment(resources, outputs, self._region, self._source)

    def _section(self, section: str) -> dict[str, Any]:
        """Return a section; a resource that may not exist keeps its condition."""
        bodies = self._template.get(section, {})
        found = self._resolver.section(section)
        for name, body in found.items():
            condition = bodies[name].get("Condition")
            if condition and self._resolver.holds({"Condition": condition}) is None:
                found[name] = {**body, "Condition": condition}
        return found
