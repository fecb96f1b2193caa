"""Rules for names that must be unique in an account and Region."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename
from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

# cfn-lint loads the files of a directory, not a package.
lookup = import_filename("_template", str(Path(__file__).parent))

IDENTIFIED_BY_ARN = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Types whose names are unique, although their identifier is an ARN or a URL."""

CONSTANT = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::URLSuffix"}
"""Pseudo parameters that are the same for all stacks of an account and Region."""

SEVERAL = re.compile("(?i)env|stage|suffix|prefix")
"""Names of parameters of a template that is meant for several stacks."""

PLAIN = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Values of pseudo parameters that every name accepts."""

CAPITALS = "PR-123"
"""A usual name of an environment, which some services refuse in a name."""

UNUSUAL = (CAPITALS, "feature_x", "v1.2", "-a", "a-", "a--b", "1a", "a b", "feature/x")


class NameWithoutParameter(CloudFormationLintRule):
    """A second stack of the template, such as a pull request's, cannot have the same name."""

    id = "W9006"
    shortdesc = "Unique name without a parameter"
    description = (
        "A name that is unique in an account and Region must have a parameter or the name of the "
        "stack in it, or be left to AWS, in a template that is meant for several stacks: one whose "
        "other names have one, or with a parameter such as Environment, Stage, Prefix or Suffix."
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-properties-name.html"
    )
    tags = ("resources",)

    def match(self, cfn: Any) -> list[Any]:
        """Report each constant name."""
        names = [(path, name) for path, name, _ in _names(cfn)]
        constant = [each for each in names if CONSTANT.issuperset(lookup.VARIABLE.findall(each[1]))]
        several = len(constant) < len(names) or any(map(SEVERAL.search, cfn.get_parameters_valid()))
        if not several:
            return []
        return [
            RuleMatch(path, f"Another stack of the template cannot have the name {name!r}")
            for path, name in constant
        ]


class NameThatServiceRefuses(CloudFormationLintRule):
    """A value that the parameter allows and the service does not fails in mid-deployment."""

    id = "W9007"
    shortdesc = "Parameter allows a name that its service refuses"
    description = (
        "Constrain a parameter (AllowedPattern, MaxLength) so that each name that is built with "
        "it follows the rules of its service; otherwise the deployment fails half-way."
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "parameters-section-structure.html"
    )
    tags = ("parameters", "resources")

    def match(self, cfn: Any) -> list[Any]:
        """Report the first allowed value of each parameter that makes a refused name."""
        parameters = cfn.get_parameters_valid()
        matches = []
        for path, name, schema in _names(cfn):
            variables = set(lookup.VARIABLE.findall(name))
            plain = {
                variable: PLAIN.get(variable) or _plain_value(parameters.get(variable, {}))
                for variable in variables
            }
            if None in plain.values() or not _accepts(schema, _fill(name, plain)):
                continue
            for variable in sorted(variables & parameters.keys()):
                composed = name != f"${{{variable}}}"
                for value in _allowed_values(parameters[variable], composed=composed):
                    result = _fill(name, plain | {variable: value})
                    if not _accepts(schema, result):
                        message = f"{variable!r} allows {value!r}, which makes the name {result!r}"
                        matches.append(RuleMatch(path, message))
                        break
        return matches


def _names(cfn: Any) -> Iterator[tuple[list[str], str, dict[str, Any]]]:
    """Yield path, text and schema of each name that is unique in an account and Region."""
    for logical_id, resource in cfn.get_resources().items():
        kind = str(resource["Type"])
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(cfn.regions[0], kind).schema
        except ResourceNotFoundError:
            continue
        key = IDENTIFIED_BY_ARN.get(kind) or _name_property(kind, schema)
        properties = resource.get("Properties")
        if key and isinstance(properties, dict) and key in properties:
            name = lookup.text(properties[key])
            if name is not None:
                path = ["Resources", logical_id, "Properties", key]
                yield path, name, schema["properties"][key]


def _name_property(kind: str, schema: dict[str, Any]) -> str | None:
    """Return the property by which a resource of a type is named, if it alone identifies it."""
    match schema.get("primaryIdentifier"):
        case [path] if path not in schema.get("readOnlyProperties", []):
            key = str(path.rpartition("/")[2])
        case _:
            return None
    own = kind.rpartition("::")[2]
    stem = re.sub("(Name|Identifier|Id)$", "", key)
    if stem == "JobDefinition":  # A name that exists gets another revision.
        return None
    # The identifier of a resource that only adds to another one is that one's name.
    return key if stem != key and (own.endswith(stem) or stem.endswith(own)) else None


def _plain_value(declaration: dict[str, Any]) -> str | None:
    """Return an allowed value that is as plain as possible, of a parameter that is a string."""
    if declaration.get("Type") != "String":
        return None
    usual = ("a1", "dev", "test", "prod", "abc-123")
    given = (declaration.get("Default"), *declaration.get("AllowedValues", ()), *usual)
    return next((str(each) for each in given if each and _is_allowed(declaration, str(each))), None)


def _allowed_values(declaration: dict[str, Any], *, composed: bool) -> Iterator[str]:
    """Yield allowed values that a service may refuse.

    Of a parameter without a pattern only the usual ones: it is meant to be more than a name, and a
    name that is entered in full is its author's.
    """
    values = [CAPITALS] if composed else []
    if "AllowedPattern" in declaration:
        values = [*UNUSUAL]
    if "MaxLength" in declaration:
        values.append("a" * int(declaration["MaxLength"]))
    if "AllowedValues" not in declaration:  # cfn-lint itself tries these: W1031.
        yield from (value for value in values if _is_allowed(declaration, value))


def _is_allowed(declaration: dict[str, Any], value: str) -> bool:
    longest = int(declaration.get("MaxLength", len(value)))
    if not int(declaration.get("MinLength", 0)) <= len(value) <= longest:
        return False
    try:
        return bool(re.fullmatch(str(declaration.get("AllowedPattern", ".*")), value))
    except re.error:  # A pattern of Java's.
        return False


def _accepts(schema: dict[str, Any], name: str) -> bool:
    if len(name) > schema.get("maxLength", len(name)):
        return False
    try:
        return bool(re.fullmatch(schema.get("pattern", ".*"), name))
    except re.error:
        return True


def _fill(name: str, values: dict[str, Any]) -> str:
    return str(lookup.VARIABLE.sub(lambda found: values[found[1]], name))
