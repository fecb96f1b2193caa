"""What a rendered template comes to with one set of parameters, as CloudFormation resolves it.

What is only known once a stack exists stays as the template has it: references to resources, and
whatever they are a part of.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from .references import VARIABLE

NO_VALUE: Final = MappingProxyType({"Ref": "AWS::NoValue"})
"""What `AWS::NoValue` comes to: the property is not there."""

SSM_PARAMETER = "AWS::SSM::Parameter::"


def resolve(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the resources and the outputs that are there with these parameters.

    Args:
        template: The rendered template.
        given: Values of parameters, and of pseudo parameters such as `AWS::Region`. A parameter
            that is missing has its default; a pseudo parameter that is missing stays a reference.

    """
    resolver = Resolver(template, given)
    return {section: resolver.section(section) for section in ("Resources", "Outputs")}


class Resolver:
    """One template with one set of values."""

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        """Take the template and the values, as `resolve` does."""
        self._template = template
        self._held: dict[str, bool | None] = {}
        self._values: dict[str, Any] = {
            name: value for name, value in given.items() if name.startswith("AWS::")
        }
        for name, declaration in template.get("Parameters", {}).items():
            kind = str(declaration.get("Type", "String"))
            value = given.get(name, declaration.get("Default"))
            # What must not be shown is not known here, nor what is kept in Systems Manager.
            if value is None or "NoEcho" in declaration or kind.startswith(SSM_PARAMETER):
                continue
            listed = kind == "CommaDelimitedList" or kind.startswith("List<")
            items = [item.strip() for item in str(value).split(",")]
            self._values[name] = items if listed else str(value)

    def section(self, name: str) -> dict[str, Any]:
        """Return what a section holds, without what its condition leaves out."""
        return {
            key: self.value({part: body[part] for part in body if part != "Condition"})
            for key, body in self._template.get(name, {}).items()
            if isinstance(body, Mapping)
            and ("Condition" not in body or self.holds(body) is not False)
        }

    def holds(self, expression: object) -> bool | None:
        """Return what a condition comes to, or nothing where only a stack could tell.

        `expression` is a condition function, or what has a `Condition`.
        """
        held = None
        match expression:
            case {"Condition": str(name)}:
                if name not in self._held:
                    # What a condition is while it is being found out, if it depends on itself.
                    self._held[name] = None
                    self._held[name] = self.holds(self._template.get("Conditions", {}).get(name))
                held = self._held[name]
            case {"Fn::Equals": [first, second]}:
                held = _equal(self.value(first), self.value(second))
            case {"Fn::Contains": [items, item]}:
                held = _contained(self.value(items), self.value(item))
            case {"Fn::Not": [operand]} if (opposite := self.holds(operand)) is not None:
                held = not opposite
            case {"Fn::And": list(operands)}:
                held = _decided([self.holds(operand) for operand in operands], by=False)
            case {"Fn::Or": list(operands)}:
                held = _decided([self.holds(operand) for operand in operands], by=True)
        return held

    def value(self, source: Any) -> Any:
        """Return what a value comes to, with what cannot be known left as it is."""
        if isinstance(source, list):
            return [done for item in source if (done := self.value(item)) is not NO_VALUE]
        if not isinstance(source, Mapping):
            return source
        if len(source) == 1:
            ((function, argument),) = source.items()
            if function == "Ref" and isinstance(argument, str):
                known = NO_VALUE if argument == "AWS::NoValue" else self._values.get(argument)
                return source if known is None else known
            if function == "Fn::If":
                return self._chosen(source)
            if function in FUNCTIONS:
                resolved = self.value(argument)
                found = FUNCTIONS[function](self, resolved)
                return {function: resolved} if found is None else found
        return {
            key: done for key, item in source.items() if (done := self.value(item)) is not NO_VALUE
        }

    def _chosen(self, source: Mapping[str, Any]) -> Any:
        match source["Fn::If"]:
            case [str(condition), met, otherwise]:
                held = self.holds({"Condition": condition})
                if held is None:
                    sides = [self.value(side) for side in (met, otherwise)]
                    kept = [dict(NO_VALUE) if side is NO_VALUE else side for side in sides]
                    return {"Fn::If": [condition, *kept]}
                return self.value(met if held else otherwise)
        return source

    def mapped(self, argument: Any) -> Any:
        """Return what `Fn::FindInMap` finds, or nothing."""
        match argument:
            case [str(name), str(first), str(second), *rest]:
                entry = self._template.get("Mappings", {}).get(name, {}).get(first, {})
                found = entry.get(second) if isinstance(entry, Mapping) else None
                match rest:
                    case [{"DefaultValue": default}] if found is None:
                        return default
                return found
        return None

    def substituted(self, argument: object) -> Any:
        """Return what `Fn::Sub` comes to, as far as that is known."""
        match argument:
            case str(text) | [str(text)]:
                own: Mapping[str, Any] = {}
            case [str(text), Mapping() as own]:
                pass
            case _:
                return None

        def known(found: re.Match[str]) -> str:
            value = own.get(found[1], self._values.get(found[1]))
            return value if isinstance(value, str) else found[0]

        filled = VARIABLE.sub(known, text)
        left = {name: own[name] for name in own if f"${{{name}}}" in filled}
        if VARIABLE.search(filled):
            return {"Fn::Sub": [filled, left] if left else filled}
        return filled.replace("${!", "${")


def _decided(operands: Sequence[bool | None], *, by: bool) -> bool | None:
    """Return what conditions come to together, where one that is `by` decides alone."""
    if by in operands:
        return by
    return None if None in operands else not by


def _equal(first: object, second: object) -> bool | None:
    if isinstance(first, Mapping | list) or isinstance(second, Mapping | list):
        return True if first == second else None
    return str(first) == str(second)


def _contained(items: object, item: object) -> bool | None:
    return item in items if isinstance(items, list) and isinstance(item, str) else None


def _joined(argument: object) -> str | None:
    match argument:
        case [str(delimiter), list(parts)] if all(isinstance(part, str) for part in parts):
            return delimiter.join(parts)
    return None


def _split(argument: object) -> list[str] | None:
    match argument:
        case [str(delimiter), str(text)] if delimiter:
            return text.split(delimiter)
    return None


def _selected(argument: object) -> Any:
    match argument:
        case [str() | int() as index, list(items)] if str(index).isdecimal():
            return items[int(index)] if int(index) < len(items) else None
    return None


FUNCTIONS: Final[Mapping[str, Callable[[Resolver, Any], Any]]] = MappingProxyType(
    {
        "Fn::FindInMap": Resolver.mapped,
        "Fn::Join": lambda _, argument: _joined(argument),
        "Fn::Select": lambda _, argument: _selected(argument),
        "Fn::Split": lambda _, argument: _split(argument),
        "Fn::Sub": Resolver.substituted,
    }
)
