"""Templates with their parameters resolved, as CloudFormation resolves them.

What only a stack knows stays: references to resources, and the functions around them. These get one
form, so that a value is the same however it is written: `Fn::Join` becomes `Fn::Sub`, and `Fn::Sub`
of a single reference becomes that reference.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from .concatenation import concatenated, parse_variable
from .lookup import scalar_text
from .references import VARIABLE, walk

NO_VALUE: Final = MappingProxyType({"Ref": "AWS::NoValue"})
"""The value of `AWS::NoValue`: the property is removed."""

SSM_PARAMETER: Final = "AWS::SSM::Parameter::"


def resolve(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the resources and the outputs of a template with these parameters.

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
        """Keep the template and the values, as for `resolve`."""
        self._template = template
        self._conditions: dict[str, bool | None] = {}
        self._values: dict[str, Any] = {
            name: value for name, value in given.items() if name.startswith("AWS::")
        }
        for name, declaration in template.get("Parameters", {}).items():
            parameter_type = str(declaration.get("Type", "String"))
            value = given.get(name, declaration.get("Default"))
            is_elsewhere = parameter_type.startswith(SSM_PARAMETER)
            if value is None or "NoEcho" in declaration or is_elsewhere:
                continue
            is_list = parameter_type == "CommaDelimitedList" or parameter_type.startswith("List<")
            text = scalar_text(value)
            items = [item.strip() for item in text.split(",")]
            self._values[name] = items if is_list else text

    def section(self, name: str) -> dict[str, Any]:
        """Return the entries of a section, without those that a condition excludes.

        Functions such as `Fn::ForEach`, from which CloudFormation makes entries, are left out.
        """
        return {
            key: {
                part: value
                for part in body
                if part != "Condition" and (value := self.value(body[part])) is not NO_VALUE
            }
            for key, body in self._template.get(name, {}).items()
            if isinstance(body, Mapping)
            and not key.startswith("Fn::")
            and ("Condition" not in body or self.holds(body) is not False)
        }

    def holds(self, expression: object) -> bool | None:
        """Return whether a condition is met, or None where only a stack knows.

        `expression` is a condition function, or an object with the key `Condition`.
        """
        met = None
        match expression:
            case {"Condition": str(name)}:
                if name not in self._conditions:
                    # A condition that depends on itself is not known.
                    self._conditions[name] = None
                    condition = self._template.get("Conditions", {}).get(name)
                    self._conditions[name] = self.holds(condition)
                met = self._conditions[name]
            case {"Fn::Equals": [first, second]}:
                met = _equal(self.value(first), self.value(second))
            case {"Fn::Contains": [items, item]}:
                met = _contained(self.value(items), self.value(item))
            case {"Fn::Not": [operand]} if (opposite := self.holds(operand)) is not None:
                met = not opposite
            case {"Fn::And": list(operands)}:
                met = _combined([self.holds(operand) for operand in operands], decisive=False)
            case {"Fn::Or": list(operands)}:
                met = _combined([self.holds(operand) for operand in operands], decisive=True)
        return met

    def value(self, source: Any) -> Any:
        """Return a value with everything resolved that is known."""
        if isinstance(source, list):
            return [item for each in source if (item := self.value(each)) is not NO_VALUE]
        if isinstance(source, str) or not isinstance(source, Mapping):
            return source
        if len(source) == 1:
            ((function, argument),) = source.items()
            if function == "Ref" and isinstance(argument, str):
                known = NO_VALUE if argument == "AWS::NoValue" else self._values.get(argument)
                return source if known is None else known
            if function == "Fn::If":
                return self._branch(source)
            if function in FUNCTIONS:
                resolved = self.value(argument)
                found = FUNCTIONS[function](self, resolved)
                return {function: resolved} if found is None else found
        return {
            key: item for key, each in source.items() if (item := self.value(each)) is not NO_VALUE
        }

    def _branch(self, source: Mapping[str, Any]) -> Any:
        """Return the branch of `Fn::If` that applies, or both where that is not known."""
        match source["Fn::If"]:
            case [str(condition), yes, no]:
                met = self.holds({"Condition": condition})
                if met is None:
                    branches = [
                        _inner_branch(self.value(branch), condition, place)
                        for place, branch in enumerate((yes, no), 1)
                    ]
                    if branches[0] == branches[1]:
                        return branches[0]
                    kept = [dict(NO_VALUE) if each is NO_VALUE else each for each in branches]
                    return {"Fn::If": [condition, *kept]}
                return self.value(yes if met else no)
        return source

    def find_in_map(self, argument: Any) -> Any:
        """Return the result of `Fn::FindInMap`, or None where it is not known."""
        match argument:
            case [str(name), str(first), str(second), *rest]:
                entry = self._template.get("Mappings", {}).get(name, {}).get(first, {})
                found = entry.get(second) if isinstance(entry, Mapping) else None
                match rest:
                    case [{"DefaultValue": default}] if found is None:
                        return default
                return found
        return None

    def substitute(self, argument: object) -> Any:
        """Return the result of `Fn::Sub` as far as it is known."""
        match argument:
            case str(text) | [str(text)]:
                return concatenated(self._pieces(text, {}))
            case [str(text), Mapping() as own]:
                return concatenated(self._pieces(text, own))
        return None

    def _pieces(self, text: str, own: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the literals and the values that `Fn::Sub` puts together."""
        for place, piece in enumerate(VARIABLE.split(text)):
            if place % 2 == 0:
                yield piece.replace("${!", "${")
            elif piece in own:
                yield own[piece]
            else:
                known = self._values.get(piece)
                yield known if isinstance(known, str) else parse_variable(piece)

    def zones(self, region: object) -> Any:
        """Return `Fn::GetAZs` with the region, which is that of the stack if it is empty."""
        own = self._values.get("AWS::Region", {"Ref": "AWS::Region"})
        return {"Fn::GetAZs": own if region == "" else region}


def _inner_branch(value: Any, condition: str, place: int) -> Any:
    """Return the branch of a nested `Fn::If` with the same condition that can apply."""
    match value:
        case {"Fn::If": [str(name), yes, no]} if name == condition:
            return _inner_branch((yes, no)[place - 1], condition, place)
    return value


def _combined(operands: Sequence[bool | None], *, decisive: bool) -> bool | None:
    """Return the result of `Fn::And` or `Fn::Or`, which one `decisive` operand determines."""
    if decisive in operands:
        return decisive
    return None if None in operands else not decisive


def _equal(first: object, second: object) -> bool | None:
    if isinstance(first, Mapping | list) or isinstance(second, Mapping | list):
        return True if first == second else None
    return scalar_text(first) == scalar_text(second)


def _contained(items: object, item: object) -> bool | None:
    return item in items if isinstance(items, list) and isinstance(item, str) else None


def _joined(argument: object) -> Any:
    match argument:
        case [str(delimiter), list(parts)] if not any(map(_may_be_left_out, parts)):
            between = [piece for part in parts for piece in (delimiter, part)]
            return concatenated(between[1:])
    return None


def _may_be_left_out(part: object) -> bool:
    """Return whether a part is a list, or `Fn::If` that may leave out its delimiter as well."""
    return isinstance(part, list) or dict(NO_VALUE) in walk(part)


def _split(argument: object) -> list[str] | None:
    match argument:
        case [str(delimiter), str(text)] if delimiter:
            return text.split(delimiter)
    return None


def _selected(argument: Any) -> Any:
    match argument:
        case [str() | int() as index, items] if str(index).isdecimal():
            is_there = isinstance(items, list) and int(index) < len(items)
            return items[int(index)] if is_there else {"Fn::Select": [str(index), items]}
    return None


def _attribute(argument: object) -> Any:
    match argument:
        case str(text):
            return parse_variable(text)
    return None


FUNCTIONS: Final[Mapping[str, Callable[[Resolver, Any], Any]]] = MappingProxyType(
    {
        "Fn::FindInMap": Resolver.find_in_map,
        "Fn::GetAZs": Resolver.zones,
        "Fn::GetAtt": lambda _, argument: _attribute(argument),
        "Fn::Join": lambda _, argument: _joined(argument),
        "Fn::Select": lambda _, argument: _selected(argument),
        "Fn::Split": lambda _, argument: _split(argument),
        "Fn::Sub": Resolver.substitute,
    }
)
