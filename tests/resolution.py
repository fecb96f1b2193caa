"""What a template comes to in one environment, as CloudFormation would resolve it."""

import re
from collections.abc import Mapping
from typing import Any

from iot_pipeline_cfn.parameters import holds
from iot_pipeline_cfn.references import reachable

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "ap-northeast-1",
    "AWS::StackName": "iot-pipeline-any",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()


def resolve(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with its parameters given and its conditions decided.

    What is not there is left out. Of references, those to resources are all that remains.
    """
    values = {
        name: str(declaration.get("Default"))
        for name, declaration in template["Parameters"].items()
    }
    values |= {"EnvironmentSuffix": "any"} | given
    return Resolver(template, values).template()


class Resolver:
    """One template with one set of parameter values."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, str]) -> None:
        self.source = template
        self.values = {**PSEUDO_PARAMETERS, **values}

    def template(self) -> dict[str, Any]:
        return {
            section: {
                name: self.value({key: value for key, value in body.items() if key != "Condition"})
                for name, body in self.source[section].items()
                if "Condition" not in body or self.decide(body["Condition"])
            }
            for section in ("Resources", "Outputs")
        }

    def decide(self, condition: str) -> bool:
        return holds(self.spelt_out(self.source["Conditions"][condition]), self.values)

    def spelt_out(self, expression: dict[str, Any]) -> dict[str, Any]:
        """Return a condition with those that it refers to put in their places."""
        ((function, arguments),) = expression.items()
        if function == "Condition":
            return self.spelt_out(self.source["Conditions"][arguments])
        if function == "Fn::Equals":
            return expression
        return {function: [self.spelt_out(argument) for argument in arguments]}

    def value(self, source: Any) -> Any:
        if isinstance(source, list):
            return [done for item in source if (done := self.value(item)) is not NO_VALUE]
        if not isinstance(source, dict):
            return source
        match source:
            case {"Ref": "AWS::NoValue"}:
                return NO_VALUE
            case {"Ref": str(name)} if name in self.values:
                return self.values[name]
            case {"Fn::If": [condition, met, otherwise]}:
                return self.value(met if self.decide(condition) else otherwise)
            case {"Fn::FindInMap": [name, *keys]}:
                first, second = (self.value(key) for key in keys)
                return self.source["Mappings"][name][first][second]
            case {"Fn::Split": [delimiter, text]}:
                return self.value(text).split(delimiter)
            case {"Fn::Select": [index, items]} if isinstance(found := self.value(items), list):
                return found[int(index)]
            case {"Fn::Sub": str(text)}:
                return self.substitute(text)
        return {
            key: done for key, item in source.items() if (done := self.value(item)) is not NO_VALUE
        }

    def substitute(self, text: str) -> Any:
        filled = re.sub(r"\$\{([\w:]+)\}", lambda found: self.values.get(found[1], found[0]), text)
        return {"Fn::Sub": filled} if "${" in filled else filled


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }


def only(template: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of the one resource of a type."""
    (properties,) = of_type(template, kind).values()
    return properties


def container_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition of the one container."""
    (container,) = only(environment, "ECS::TaskDefinition")["ContainerDefinitions"]
    return container


def waits_for(template: Mapping[str, Any], name: str) -> set[str]:
    """Return every resource that CloudFormation creates before this one."""
    return reachable(name, template["Resources"], template["Resources"].__getitem__)
