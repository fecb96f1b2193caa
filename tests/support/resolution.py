"""Resolved templates, and lookups in them."""

from collections.abc import Mapping
from typing import Any

from iot_pipeline_cfn.template import lookup, resolution
from iot_pipeline_cfn.template.lookup import short_text_of
from iot_pipeline_cfn.template.references import reachable

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "ap-northeast-1",
    "AWS::StackName": "iot-pipeline-any",
    "AWS::URLSuffix": "amazonaws.com",
}


def resolve(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with parameters and pseudo parameters resolved.

    Only references to resources remain.
    """
    return resolution.resolve(template, {**PSEUDO_PARAMETERS, "EnvironmentSuffix": "any", **given})


def of_type(template: Mapping[str, Any], resource_type: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of every resource of a type such as `EC2::VPC`, by logical ID."""
    return lookup.of_type(template["Resources"], f"AWS::{resource_type}")


def only(template: Mapping[str, Any], resource_type: str) -> Mapping[str, Any]:
    """Return the properties of the one resource of a type."""
    (properties,) = of_type(template, resource_type).values()
    return properties


def name_of(value: object) -> str:
    """Return a value as text, where a reference to a resource is short: `Database.Arn`."""
    return short_text_of(value)


def containers_of(environment: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the definitions of all containers by name."""
    definitions = only(environment, "ECS::TaskDefinition")["ContainerDefinitions"]
    return {definition["Name"]: definition for definition in definitions}


def container_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition of the application's container."""
    return containers_of(environment)["iot-processor"]


def explicit_dependencies(resource: Mapping[str, Any]) -> list[str]:
    """Return the resources that `DependsOn` names."""
    named = resource.get("DependsOn", [])
    return [named] if isinstance(named, str) else named


def waits_for(template: Mapping[str, Any], name: str) -> set[str]:
    """Return the resources that CloudFormation creates before this one."""
    return reachable(name, template["Resources"], template["Resources"].__getitem__)
