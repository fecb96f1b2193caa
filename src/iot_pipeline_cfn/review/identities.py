"""What two resources cannot have at the same time: names, identifiers, and what a service has once.

An update creates resources before it deletes others, so that a new one cannot have what an old one
still has.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.lookup import Resource, properties_of, type_of
from iot_pipeline_cfn.template.schemas import paths, schema_of

from .differences import canonical

_EC2_ERRORS: Final = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
_API: Final = "https://docs.aws.amazon.com"


class UniqueProperties(NamedTuple):
    """Properties whose combination must be unique in a service; the first must be given."""

    kind: str
    properties: tuple[str, ...]
    documentation: str
    is_overwritten: bool = False
    """Whether the service overwrites instead, so that deleting the old one deletes the new one."""


_RULE: Final = ("IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6")
UNIQUE: Final = (
    UniqueProperties(
        "ApiGateway::Resource",
        ("PathPart", "ParentId", "RestApiId"),
        f"{_API}/apigateway/latest/api/API_CreateResource.html",
    ),
    UniqueProperties(
        "ApiGatewayV2::Route",
        ("RouteKey", "ApiId"),
        f"{_API}/apigatewayv2/latest/api-reference/apis-apiid-routes.html",
    ),
    UniqueProperties(
        "CloudFront::Distribution",
        ("DistributionConfig.Aliases",),
        f"{_API}/cloudfront/latest/APIReference/API_CreateDistribution.html",
    ),
    UniqueProperties(
        "Config::ConfigurationRecorder",
        (),
        f"{_API}/config/latest/APIReference/API_PutConfigurationRecorder.html",
    ),
    UniqueProperties(
        "Config::DeliveryChannel",
        (),
        f"{_API}/config/latest/APIReference/API_PutDeliveryChannel.html",
    ),
    UniqueProperties(
        "EC2::NatGateway",
        ("AllocationId",),
        f"{_API}/vpc/latest/userguide/nat-gateway-troubleshooting.html",
    ),
    UniqueProperties("EC2::NetworkAclEntry", ("RuleNumber", "NetworkAclId", "Egress"), _EC2_ERRORS),
    UniqueProperties(
        "EC2::Route",
        (
            *("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock"),
            "DestinationPrefixListId",
        ),
        _EC2_ERRORS,
    ),
    UniqueProperties(
        "EC2::SecurityGroupEgress",
        ("GroupId", *_RULE, "DestinationSecurityGroupId", "DestinationPrefixListId"),
        _EC2_ERRORS,
    ),
    UniqueProperties(
        "EC2::SecurityGroupIngress",
        ("GroupId", *_RULE, "SourceSecurityGroupId", "SourcePrefixListId"),
        _EC2_ERRORS,
    ),
    UniqueProperties("EC2::Subnet", ("CidrBlock", "VpcId"), _EC2_ERRORS),
    UniqueProperties("EC2::Subnet", ("Ipv6CidrBlock", "VpcId"), _EC2_ERRORS),
    UniqueProperties("EC2::SubnetRouteTableAssociation", ("SubnetId",), _EC2_ERRORS),
    UniqueProperties("EC2::TransitGatewayAttachment", ("VpcId", "TransitGatewayId"), _EC2_ERRORS),
    UniqueProperties("EC2::VPCGatewayAttachment", ("VpcId", "VpnGatewayId"), _EC2_ERRORS),
    UniqueProperties("EC2::VolumeAttachment", ("VolumeId",), _EC2_ERRORS),
    UniqueProperties(
        "EFS::MountTarget",
        ("FileSystemId", "SubnetId"),
        f"{_API}/efs/latest/ug/API_CreateMountTarget.html",
    ),
    UniqueProperties(
        "ElasticLoadBalancingV2::Listener",
        ("LoadBalancerArn", "Port"),
        f"{_API}/elasticloadbalancing/latest/APIReference/API_CreateListener.html",
    ),
    UniqueProperties(
        "ElasticLoadBalancingV2::ListenerRule",
        ("ListenerArn", "Priority"),
        f"{_API}/elasticloadbalancing/latest/APIReference/API_CreateRule.html",
    ),
    UniqueProperties(
        "GuardDuty::Detector", (), f"{_API}/guardduty/latest/APIReference/API_CreateDetector.html"
    ),
    UniqueProperties(
        "IAM::Policy",
        ("PolicyName", "Groups", "Roles", "Users"),
        f"{_API}/IAM/latest/APIReference/API_PutRolePolicy.html",
        is_overwritten=True,
    ),
    UniqueProperties(
        "Lambda::EventSourceMapping",
        ("EventSourceArn", "FunctionName"),
        f"{_API}/lambda/latest/api/API_CreateEventSourceMapping.html",
    ),
    UniqueProperties(
        "Lambda::Url",
        ("TargetFunctionArn", "Qualifier"),
        f"{_API}/lambda/latest/api/API_CreateFunctionUrlConfig.html",
    ),
    UniqueProperties(
        "Route53::RecordSet",
        ("Name", "Type", "HostedZoneId", "HostedZoneName", "SetIdentifier"),
        f"{_API}/Route53/latest/APIReference/API_ChangeResourceRecordSets.html",
    ),
    UniqueProperties(
        "S3::BucketPolicy",
        ("Bucket",),
        f"{_API}/AmazonS3/latest/API/API_PutBucketPolicy.html",
        is_overwritten=True,
    ),
    UniqueProperties(
        "SNS::TopicPolicy",
        ("Topics",),
        f"{_API}/sns/latest/api/API_SetTopicAttributes.html",
        is_overwritten=True,
    ),
    UniqueProperties(
        "SQS::QueuePolicy",
        ("Queues",),
        f"{_API}/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html",
        is_overwritten=True,
    ),
    UniqueProperties(
        "SecretsManager::ResourcePolicy",
        ("SecretId",),
        f"{_API}/secretsmanager/latest/apireference/API_PutResourcePolicy.html",
        is_overwritten=True,
    ),
    UniqueProperties(
        "SecurityHub::Hub", (), f"{_API}/securityhub/1.0/APIReference/API_EnableSecurityHub.html"
    ),
)

NAMED_BESIDES_ID: Final = frozenset(
    {
        "AWS::CloudFormation::Macro",
        "AWS::CodeBuild::Project",
        "AWS::DAX::Cluster",
        "AWS::DocDB::DBCluster",
        "AWS::DocDB::DBInstance",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::SecurityGroup",
        "AWS::EKS::Nodegroup",
        "AWS::Elasticsearch::Domain",
        "AWS::IoT::Policy",
        "AWS::KinesisAnalytics::Application",
        "AWS::QLDB::Ledger",
        "AWS::SecretsManager::Secret",
    }
)
"""Types with a generated identifier whose names are unique nevertheless.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
"""

SHARED_NAMES: Final = frozenset(
    {
        # A name has revisions or versions.
        # https://docs.aws.amazon.com/apprunner/latest/api/API_CreateAutoScalingConfiguration.html
        "AWS::AppRunner::AutoScalingConfiguration",
        "AWS::AppRunner::ObservabilityConfiguration",
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
        "AWS::Batch::JobDefinition",
        # https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html
        "AWS::ImageBuilder::Component",
        "AWS::ImageBuilder::ContainerRecipe",
        "AWS::ImageBuilder::ImageRecipe",
        "AWS::ImageBuilder::Workflow",
        # https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_CreateProtection.html
        "AWS::Shield::Protection",
    }
)
"""Types with names that several resources can have."""

SCOPES: Final = MappingProxyType(
    {
        # https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
        "AWS::ApplicationAutoScaling::ScalingPolicy": ("ResourceId", "ScalingTargetId"),
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
        "AWS::EC2::SecurityGroup": ("VpcId",),
        # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html
        "AWS::EKS::Nodegroup": ("ClusterName",),
        # https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
        "AWS::Lambda::Alias": ("FunctionName",),
    }
)
"""Properties within which a name is unique, where no identifier contains them."""


class Identity(NamedTuple):
    """Values that only one resource of a type has.

    Attributes:
        resource_type: The type.
        values: Pairs of a property and its value, as JSON text.
        unique: The row of the table that it is from, None for names and identifiers.

    """

    resource_type: str
    values: tuple[tuple[str, str], ...]
    unique: UniqueProperties | None = None


def identities_of(resource: Resource) -> Iterator[Identity]:
    """Yield the identities of a resource, as far as the template gives them."""
    resource_type, properties = type_of(resource), properties_of(resource)
    overwritten = {f"AWS::{row.kind}" for row in UNIQUE if row.is_overwritten}
    for row in UNIQUE:
        if f"AWS::{row.kind}" == resource_type:
            values = _values(properties, row.properties)
            if not row.properties or values[0][1] != "null":
                yield Identity(resource_type, values, row)
    if resource_type in overwritten or resource_type in SHARED_NAMES:
        return
    for identifier in _identifiers(resource_type):
        values = _values(properties, identifier)
        if all(value != "null" for _, value in values):
            yield Identity(resource_type, values)
    for name in _names(resource_type):
        values = _values(properties, name)
        if values[0][1] != "null":
            yield Identity(resource_type, values)


def _values(properties: Mapping[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the values at paths of keys, as JSON text."""
    found = []
    for name in names:
        value: Any = properties
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        found.append((name, json.dumps(canonical(value), sort_keys=True, default=str)))
    return tuple(found)


def _identifiers(resource_type: str) -> Iterator[tuple[str, ...]]:
    """Yield the identifiers of a type that a template gives completely."""
    schema = schema_of(resource_type) or {}
    generated = paths(resource_type, "readOnlyProperties")
    for listed in (schema.get("primaryIdentifier", ()), *schema.get("additionalIdentifiers", ())):
        keys = [tuple(path.split("/")[2:]) for path in listed]
        if keys and not generated.intersection(keys):
            yield tuple(".".join(key) for key in keys)


def _names(resource_type: str) -> Iterator[tuple[str, ...]]:
    """Yield the property of a type that is its own name, with the scope in which it is unique.

    A name that is not part of an identifier is unique if an ARN or a URL is made of it.
    """
    identifier = [path[0] for path in paths(resource_type, "primaryIdentifier")]
    generated = {path[0] for path in paths(resource_type, "readOnlyProperties") if len(path) == 1}
    is_in_arn = any(
        name in generated and name.upper().endswith(("ARN", "URL")) for name in identifier
    )
    last = resource_type.rpartition("::")[2]
    for path in sorted(paths(resource_type, "createOnlyProperties")):
        name = path[0]
        ends = [end for end in ("Id", "Identifier", "Name") if name.endswith(end)]
        is_named_like_type = any(last.endswith(name.removesuffix(end)) for end in ends)
        is_unique = name in identifier or is_in_arn or resource_type in NAMED_BESIDES_ID
        if len(path) == 1 and is_named_like_type and is_unique:
            given = [part for part in identifier if part not in generated and part != name]
            yield (name, *given, *SCOPES.get(resource_type, ()))
