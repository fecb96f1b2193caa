"""An environment before and after a change, with parameters and conditions resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import Resource
from iot_pipeline_cfn.template.parameters import ParameterFile
from iot_pipeline_cfn.template.references import Namespace, Reference, map_references
from iot_pipeline_cfn.template.resolution import Resolver

CHANGED: Final = " (changed)"
"""The mark behind a name that cannot be resolved and whose meaning changes."""

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
    before: EnvironmentSource, after: EnvironmentSource, region: str
) -> tuple[ResolvedEnvironment, ResolvedEnvironment]:
    """Resolve an environment before and after a change.

    References that cannot be resolved stay as they are. If one means something else after the
    change, such as a condition on a parameter without a value, its name is marked as changed.
    """
    sides = [_TemplateSide(source, region) for source in (before, after)]
    old, new = (side.open_names() for side in sides)
    changed = frozenset(name for name in old.keys() & new.keys() if old[name] != new[name])
    return sides[0].environment(frozenset()), sides[1].environment(changed)


Name = tuple[Namespace, str]
"""A name, and the section of the template in which it is defined."""


class _TemplateSide:
    """One side of a change, with the resolver of its template."""

    def __init__(self, source: EnvironmentSource, region: str) -> None:
        """Prepare the resolver; a parameter that is None is unknown even if it has a default."""
        values = source.parameters
        parameters = {
            name: {part: entry[part] for part in entry if part != "Default"}
            if name in values and values[name] is None
            else entry
            for name, entry in source.template.get("Parameters", {}).items()
        }
        self._source = source
        self._region = region
        self._values = {name: value for name, value in values.items() if value is not None}
        self._template = {**source.template, "Parameters": parameters}
        self._resolver = Resolver(self._template, self._values | pseudo_parameters(region))

    def open_names(self) -> dict[Name, object]:
        """Return the definitions of all names that may remain in resolved values."""
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
        return {**parameters, **conditions, **mappings}

    def _expanded(self, expression: Any, within: frozenset[str]) -> Any:
        """Return a condition with the conditions that it refers to, and parameters resolved."""
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

    def environment(self, changed: frozenset[Name]) -> ResolvedEnvironment:
        """Return the resolved environment, with the changed names marked."""

        def mark(reference: Reference) -> str:
            is_changed = (reference.namespace, reference.name) in changed
            return f"{reference.name}{CHANGED}" if is_changed else reference.name

        sections = {name: self._section(name) for name in ("Resources", "Outputs")}
        if changed:
            sections = map_references(sections, mark)
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
