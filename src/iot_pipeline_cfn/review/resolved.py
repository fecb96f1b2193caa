"""One kind of environment before and after a change, with its parameters resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource
from iot_pipeline_cfn.template.references import Namespace, Reference, map_references
from iot_pipeline_cfn.template.resolution import Resolver

MOVED: Final = " (changed)"
"""Stands behind the name of what has changed and cannot be resolved."""

Template = Mapping[str, Any]


@dataclass(frozen=True)
class ResolvedEnvironment:
    """An environment of one type as a template describes it, with its parameters resolved.

    Attributes:
        resources: The resources that exist, by logical ID.
        outputs: The outputs that exist.
        region: The region that it is in.

    """

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    region: str = ""


def pseudo_parameters(region: str) -> dict[str, str]:
    """Return what is known of a stack in a region before there is one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
    """
    china = region.startswith("cn-")
    partition = "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
    }


def resolved(
    before: tuple[Template, Mapping[str, str | None]],
    after: tuple[Template, Mapping[str, str | None]],
    region: str,
) -> tuple[ResolvedEnvironment, ResolvedEnvironment]:
    """Return what two templates come to, each with its parameters.

    What cannot be resolved stays as it is. Where that means something else afterwards, such as a
    condition on a parameter that is not given, its name is marked, so that it differs.
    """
    sides = [_Side(template, values, region) for template, values in (before, after)]
    first, second = (side.open_names() for side in sides)
    moved = {
        name for name in first.keys() & second.keys() if first[name] != second[name]
    }  # A name that is there on one side only differs by itself.
    marks = (frozenset[tuple[Namespace, str]](), frozenset(moved))
    old, new = (side.environment(marked) for side, marked in zip(sides, marks, strict=True))
    return old, new


class _Side:
    """A template with one set of parameters."""

    def __init__(self, template: Template, values: Mapping[str, str | None], region: str) -> None:
        """Take them; a parameter that is None is unknown even if it has a default."""
        parameters = {
            name: {part: entry[part] for part in entry if part != "Default"}
            if name in values and values[name] is None
            else entry
            for name, entry in template.get("Parameters", {}).items()
        }
        self._values = {name: value for name, value in values.items() if value is not None}
        self._template = {**template, "Parameters": parameters}
        self._region = region
        self._resolver = Resolver(self._template, self._values | pseudo_parameters(region))

    def open_names(self) -> dict[tuple[Namespace, str], object]:
        """Return what is behind each name that may stay in what is resolved, by its kind."""
        conditions = self._template.get("Conditions", {})
        return {
            **{
                (Namespace.VALUE, name): self._values.get(name, declaration.get("Default"))
                for name, declaration in self._template["Parameters"].items()
            },
            **{
                (Namespace.CONDITION, name): self._expanded(body, frozenset({name}))
                for name, body in conditions.items()
                if self._resolver.holds({"Condition": name}) is None
            },
            **{
                (Namespace.MAPPING, name): body
                for name, body in self._template.get("Mappings", {}).items()
            },
        }

    def _expanded(self, expression: Any, within: frozenset[str]) -> Any:
        """Return a condition with those that it consists of, and its parameters resolved."""
        match expression:
            case {"Condition": str(name)} if name not in within:
                inner = self._template.get("Conditions", {}).get(name)
                return self._expanded(inner, within | {name})
            case {"Fn::And": list()} | {"Fn::Or": list()} | {"Fn::Not": list()}:
                return {
                    name: [self._expanded(operand, within) for operand in operands]
                    for name, operands in expression.items()
                }
        return self._resolver.value(expression)

    def environment(self, moved: frozenset[tuple[Namespace, str]]) -> ResolvedEnvironment:
        """Return what it comes to, with what has moved marked where it is left."""

        def mark(reference: Reference) -> str:
            is_moved = (reference.namespace, reference.name) in moved
            return f"{reference.name}{MOVED}" if is_moved else reference.name

        sections = {}
        for section in ("Resources", "Outputs"):
            bodies = self._template.get(section, {})
            found = self._resolver.section(section)
            for name, body in found.items():
                # Whether it is there could not be decided.
                if (condition := bodies[name].get("Condition")) and (
                    self._resolver.holds({"Condition": condition}) is None
                ):
                    found[name] = {**body, "Condition": condition}
            sections[section] = map_references(found, mark) if moved else found
        return ResolvedEnvironment(sections["Resources"], sections["Outputs"], self._region)
