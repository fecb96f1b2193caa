"""What updating a property does to its resource, according to AWS's resource schemas.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.changes import SOME_INTERRUPTIONS, UpdateBehavior
from iot_pipeline_cfn.template.lookup import Resource, scalar_text, type_of
from iot_pipeline_cfn.template.schemas import paths, schema_of

from .differences import is_function

GROUP_TYPE: Final = "AWS::AutoScaling::AutoScalingGroup"
GROUP_PROPERTIES: Final = frozenset(
    {
        *("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy"),
        *("PlacementGroup", "VPCZoneIdentifier"),
    }
)
"""The properties of a group that are those of its instances."""

_BY_POLICY: Final = (
    (
        GROUP_TYPE,
        GROUP_PROPERTIES,
        (
            ("AutoScalingReplacingUpdate.WillReplace", UpdateBehavior.REPLACEMENT),
            ("AutoScalingRollingUpdate", UpdateBehavior.SOME_INTERRUPTION),
            # Instances that run stay as they are.
            ("", UpdateBehavior.NO_INTERRUPTION),
        ),
    ),
    (
        "AWS::ElastiCache::ReplicationGroup",
        ("NodeGroupConfiguration", "NumNodeGroups"),
        (
            ("UseOnlineResharding", UpdateBehavior.NO_INTERRUPTION),
            ("", UpdateBehavior.REPLACEMENT),
        ),
    ),
    (
        "AWS::Elasticsearch::Domain",
        ("ElasticsearchVersion",),
        (
            ("EnableVersionUpgrade", UpdateBehavior.NO_INTERRUPTION),
            ("", UpdateBehavior.REPLACEMENT),
        ),
    ),
    (
        "AWS::OpenSearchService::Domain",
        ("EngineVersion",),
        (
            ("EnableVersionUpgrade", UpdateBehavior.NO_INTERRUPTION),
            ("", UpdateBehavior.REPLACEMENT),
        ),
    ),
)
DECIDING_POLICIES: Final = MappingProxyType(
    {
        (resource_type, name): policies
        for resource_type, names, policies in _BY_POLICY
        for name in names
    }
)
"""Properties for which the first part of the `UpdatePolicy` that is set decides.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

SAM_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::Serverless::Api": "AWS::ApiGateway::RestApi",
        "AWS::Serverless::Function": "AWS::Lambda::Function",
        "AWS::Serverless::HttpApi": "AWS::ApiGatewayV2::Api",
        "AWS::Serverless::LayerVersion": "AWS::Lambda::LayerVersion",
        "AWS::Serverless::SimpleTable": "AWS::DynamoDB::Table",
        "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
    }
)
"""The types of which SAM makes a resource with the properties of the same names.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
"""

CUSTOM_RESOURCE: Final = "AWS::CloudFormation::CustomResource"
"""Its provider decides about replacement, like that of every `Custom::` type."""


def update_behavior(
    resource: Resource, path: tuple[str, ...], before: Any, after: Any
) -> UpdateBehavior:
    """Return the behavior of a change of a property.

    Args:
        resource: The resource after the change. A property of an unknown type may replace it.
        path: Names of properties; a list item is `*` or anything in brackets.
        before: The value before the change, or None.
        after: The value after it, or None.

    Raises:
        MissingSchemasError: if AWS's schemas are not installed.

    """
    resource_type = SAM_TYPES.get(type_of(resource), type_of(resource))
    way = tuple("*" if part.startswith("[") else part for part in path)
    if policies := DECIDING_POLICIES.get((resource_type, way[0])):
        return _by_policy(resource.get("UpdatePolicy"), policies)
    if way[0] in SOME_INTERRUPTIONS.get(resource_type, ()):
        return UpdateBehavior.SOME_INTERRUPTION
    schema = schema_of(resource_type)
    is_custom = resource_type == CUSTOM_RESOURCE or resource_type.startswith("Custom::")
    if schema is None or is_custom or any(part.startswith("Fn::") for part in way):
        return UpdateBehavior.MAYBE_REPLACEMENT

    def is_listed(entry: str) -> bool:
        return any(_touches(way, listed, before, after) for listed in paths(resource_type, entry))

    if is_listed("createOnlyProperties"):
        return UpdateBehavior.REPLACEMENT
    # Without an update handler, only what CloudFormation itself changes needs no replacement.
    is_updatable = "update" in schema.get("handlers", {"update"})
    if is_listed("conditionalCreateOnlyProperties") or not is_updatable:
        return UpdateBehavior.MAYBE_REPLACEMENT
    return UpdateBehavior.NO_INTERRUPTION


def _by_policy(policy: object, policies: Sequence[tuple[str, UpdateBehavior]]) -> UpdateBehavior:
    """Return the behavior that an `UpdatePolicy` asks for."""
    for path, behavior in policies:
        found = _value_at(policy, path) if path else True
        if is_function(found):
            break
        if found is not None and scalar_text(found) != "false":
            return behavior
    return UpdateBehavior.MAYBE_REPLACEMENT


def _value_at(value: object, path: str) -> object:
    """Return the value at a path of keys, None if there is none, or a function on the way."""
    for key in path.split("."):
        if not isinstance(value, Mapping) or is_function(value):
            break
        value = value.get(key)
    return value


def _touches(way: tuple[str, ...], entry: tuple[str, ...], before: object, after: object) -> bool:
    """Return whether a change affects a property that a schema lists, or a part of it.

    Schemas write a property of list items with or without `*`.
    """
    way = tuple(part for part in way if part != "*")
    entry = tuple(part for part in entry if part != "*")
    if way[: len(entry)] == entry:
        return True
    rest = entry[len(way) :]
    return entry[: len(way)] == way and _has(before, rest) != _has(after, rest)


def _has(value: object, rest: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return any(_has(item, rest) for item in value)
    if not rest:
        return value is not None
    return isinstance(value, Mapping) and _has(value.get(rest[0]), rest[1:])
