"""Changes of the rendered template with their effects according to AWS's documentation.

The source is "Update requires" of the property in the reference of its type, unless a comment names
another one: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from checkout import PARAMETER_FILES
from iot_pipeline_cfn.template.parameters import load
from iot_pipeline_cfn.template.references import rename_references

Template = dict[str, Any]
ABSENT = object()
FILES = {path.stem: load(path) for path in PARAMETER_FILES}


@dataclass(frozen=True)
class Case:
    """A change, and its effects on an environment of a type."""

    description: str
    change: Callable[[Template], None]
    expected: str
    environment_type: str = "prod"

    def applied(self, template: Template) -> Template:
        """Return a copy of a template with the change."""
        return applied(template, self.change)


def applied(template: Template, *changes: Callable[[Template], None]) -> Template:
    """Return a copy of a template with changes."""
    # Faster than a deep copy.
    changed: Template = json.loads(json.dumps(template))
    for change in changes:
        change(changed)
    return changed


def at(path: str, value: Any) -> Callable[[Template], None]:
    """Set a property, such as `Database.Port`; ABSENT removes it."""
    logical_id, _, inner = path.partition(".")
    return anywhere(f"Resources.{logical_id}.Properties.{inner}", value)


def anywhere(path: str, value: Any) -> Callable[[Template], None]:
    """Set the value at a path of the template; ABSENT removes it."""
    *inner, last = (int(part) if part.isdecimal() else part for part in path.split("."))

    def change(template: Template) -> None:
        inside = template
        for part in inner:
            inside = inside[part]
        if value is ABSENT:
            del inside[last]
        else:
            inside[last] = value

    return change


def attribute(path: str, value: Any) -> Callable[[Template], None]:
    """Set an attribute of a resource, such as `Database.DeletionPolicy`."""
    return anywhere(f"Resources.{path}", value)


def both(*changes: Callable[[Template], None]) -> Callable[[Template], None]:
    """Make several changes."""

    def change(template: Template) -> None:
        for one in changes:
            one(template)

    return change


def renamed(old: str, new: str) -> Callable[[Template], None]:
    """Give a resource another logical ID, also in references."""

    def change(template: Template) -> None:
        for section in ("Resources", "Outputs"):
            template[section] = rename_references(template[section], {old: new})
        resources = template["Resources"]
        resources[new] = resources.pop(old)
        for resource in resources.values():
            if resource.get("DependsOn") == old:
                resource["DependsOn"] = new

    return change


def removed(*logical_ids: str) -> Callable[[Template], None]:
    """Remove resources, and the outputs that refer to them."""

    def change(template: Template) -> None:
        for name in logical_ids:
            del template["Resources"][name]
        template["Outputs"] = {
            name: output
            for name, output in template["Outputs"].items()
            if not any(f'"{one}"' in json.dumps(output["Value"]) for one in logical_ids)
        }

    return change


def added(name: str, resource_type: str, **properties: Any) -> Callable[[Template], None]:
    """Add a resource."""
    return attribute(name, {"Type": resource_type, "Properties": properties})


CONTAINER = "TaskDefinition.ContainerDefinitions.0"

PROPERTY_CASES = [
    # The network.
    (
        "Vpc.CidrBlock",
        "10.1.0.0/16",
        """
        Vpc replaced, PublicSubnet1 replaced, PublicSubnet2 replaced,
        PrivateSubnet1 replaced, PrivateSubnet2 replaced, InternetGatewayAttachment replaced,
        PublicRouteTable replaced, PrivateRouteTable1 replaced, PrivateRouteTable2 replaced,
        PublicDefaultRoute replaced, PrivateDefaultRoute1 replaced,
        PrivateDefaultRoute2 replaced, NatGateway1 replaced, NatGateway2 replaced,
        PublicSubnet1RouteTableAssociation replaced,
        PublicSubnet2RouteTableAssociation replaced,
        PrivateSubnet1RouteTableAssociation replaced,
        PrivateSubnet2RouteTableAssociation replaced, S3Endpoint replaced,
        EcrApiEndpoint replaced, EcrDkrEndpoint replaced, LogsEndpoint replaced,
        SecretsManagerEndpoint replaced, FlowLog replaced,
        LoadBalancerSecurityGroup replaced, ContainerSecurityGroup replaced,
        DatabaseSecurityGroup replaced, CacheSecurityGroup replaced,
        EndpointsSecurityGroup replaced, VpcLinkSecurityGroup replaced, VpcLink replaced,
        TargetGroup replaced, ContainerEgressToCache replaced,
        ContainerEgressToDatabase replaced, LoadBalancerEgressToContainers replaced,
        VpcLinkEgressToLoadBalancer replaced, VpcLinkHttpsEgressToLoadBalancer replaced,
        DatabaseSubnetGroup rejected,
        CacheSubnetGroup rejected, LoadBalancer rejected, PublicSubnet1 rejected,
        PublicSubnet2 rejected, PrivateSubnet1 rejected, PrivateSubnet2 rejected,
        NatGateway1 rejected, NatGateway2 rejected
        """,
    ),
    ("Vpc.EnableDnsHostnames", False, "Vpc changed"),
    (
        "PublicSubnet1.CidrBlock",
        "10.0.9.0/24",
        """
        PublicSubnet1 replaced, NatGateway1 replaced, NatGateway1 rejected,
        PublicSubnet1RouteTableAssociation replaced
        """,
    ),
    (
        "PrivateSubnet1.CidrBlock",
        "10.0.9.0/24",
        """
        PrivateSubnet1 replaced, PrivateSubnet1RouteTableAssociation replaced,
        VpcLink replaced
        """,
    ),
    ("PublicSubnet1.MapPublicIpOnLaunch", True, "PublicSubnet1 changed"),
    ("PublicDefaultRoute.GatewayId", "igw-0", "PublicDefaultRoute changed"),
    ("PublicDefaultRoute.DestinationCidrBlock", "10.9.0.0/16", "PublicDefaultRoute replaced"),
    ("NatGateway1.AllocationId", "eipalloc-0", "NatGateway1 replaced"),
    ("LogsEndpoint.ServiceName", "com.amazonaws.ap-northeast-1.sqs", "LogsEndpoint replaced"),
    ("LogsEndpoint.PrivateDnsEnabled", False, "LogsEndpoint changed"),
    ("FlowLog.TrafficType", "REJECT", "FlowLog replaced"),
    # Security groups: a description is fixed, and so is a rule that is a resource of its own.
    (
        "DatabaseSecurityGroup.GroupDescription",
        "Something else",
        "DatabaseSecurityGroup replaced, ContainerEgressToDatabase replaced",
    ),
    (
        "DatabaseSecurityGroup.SecurityGroupIngress.0.Description",
        "Other words",
        "DatabaseSecurityGroup changed",
    ),
    ("ContainerEgressToDatabase.ToPort", 5433, "ContainerEgressToDatabase replaced"),
    ("ContainerEgressToDatabase.Description", "Other words", "ContainerEgressToDatabase changed"),
    # The load balancer.
    (
        "LoadBalancer.Scheme",
        "internet-facing",
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2513
        """
        LoadBalancer replaced, HttpListener replaced, HttpForwardingRule replaced,
        LoadBalancerLogSource rejected
        """,
    ),
    ("LoadBalancer.LoadBalancerAttributes.0.Value", "7", "LoadBalancer changed"),
    ("TargetGroup.Port", 9090, "TargetGroup replaced"),
    ("TargetGroup.HealthCheckPath", "/health", "TargetGroup changed"),
    ("HttpListener.Port", 81, "HttpListener changed"),
    # Containers.
    (f"{CONTAINER}.Environment.1.Value", "other", "TaskDefinition revised"),
    ("Vpc.Tags.0.Value", "other", "Vpc changed"),
    ("TaskDefinition.Memory", "4096", "TaskDefinition revised"),
    ("Service.DesiredCount", 3, "Service changed"),
    (
        "Cluster.ClusterName",
        "other",
        """
        Cluster replaced, Service replaced, ServiceScalableTarget replaced,
        CpuScalingPolicy replaced, RequestsScalingPolicy replaced
        """,
    ),
    ("Cluster.ClusterSettings.0.Value", "disabled", "Cluster changed"),
    (
        "Repository.EncryptionConfiguration",
        {"EncryptionType": "KMS"},
        """
        Repository replaced, Repository loses data, Repository rejected,
        TaskDefinition revised
        """,
        "dev",
    ),
    (
        "Repository.RepositoryName",
        "other",
        "Repository replaced, Repository loses data, TaskDefinition revised",
    ),
    ("Repository.ImageTagMutability", "MUTABLE", "Repository changed"),
    (
        "ServiceScalableTarget.ScalableDimension",
        "ecs:service:Other",
        """
        ServiceScalableTarget replaced, CpuScalingPolicy replaced,
        RequestsScalingPolicy replaced
        """,
    ),
    # The database.
    (
        "Database.DBName",
        "other",
        # A snapshot is kept.
        "Database replaced, Database rejected, TaskDefinition revised",
    ),
    (
        "Database.DBName",
        "other",
        "Database replaced, Database loses data, TaskDefinition revised",
        "dev",
    ),
    (
        "Database.MasterUsername",
        "other",
        "Database replaced, Database loses data, TaskDefinition revised",
        "dev",
    ),
    (
        "Database.StorageEncrypted",
        False,
        "Database replaced, Database loses data, TaskDefinition revised",
        "dev",
    ),
    (
        "Database.KmsKeyId",
        "alias/other",
        "Database replaced, TaskDefinition revised",
        "staging",
    ),
    (
        "Database.Engine",
        "mysql",
        "Database may be replaced, Database loses data, TaskDefinition revised",
        "dev",
    ),
    ("Database.EngineVersion", "16.20", "Database may be interrupted"),
    ("Database.EngineVersion", "16.2", "Database may be interrupted, Database rejected"),
    ("Database.DBInstanceClass", "db.r7g.large", "Database may be interrupted"),
    ("Database.MultiAZ", True, "Database may be interrupted", "dev"),
    ("Database.BackupRetentionPeriod", 1, "Database may be interrupted, Database loses data"),
    ("Database.BackupRetentionPeriod", 30, "Database may be interrupted"),
    ("Database.AllocatedStorage", "100", "Database changed"),
    ("Database.Port", "5433", "Database may be interrupted, TaskDefinition revised"),
    ("Database.DeletionProtection", False, "Database changed"),
    (
        "DatabaseParameterGroup.Family",
        "postgres17",
        "DatabaseParameterGroup replaced, Database may be interrupted, Database rejected",
    ),
    ("DatabaseParameterGroup.Parameters", {"rds.force_ssl": "0"}, "DatabaseParameterGroup changed"),
    (
        "DatabaseSubnetGroup.DBSubnetGroupDescription",
        "Something else",
        "DatabaseSubnetGroup changed",
    ),
    # The cache.
    (
        "Cache.Port",
        6380,
        "Cache replaced, Cache rejected, TaskDefinition revised",
    ),
    (
        "Cache.AtRestEncryptionEnabled",
        False,
        "Cache replaced, Cache loses data, TaskDefinition revised",
        "dev",
    ),
    ("Cache.CacheNodeType", "cache.r7g.large", "Cache changed"),
    ("Cache.SnapshotRetentionLimit", 0, "Cache changed, Cache loses data"),
    # Keys, secrets, logs.
    ("EncryptionKmsKey.EnableKeyRotation", False, "EncryptionKmsKey changed"),
    ("EncryptionKmsAlias.AliasName", "alias/other", "EncryptionKmsAlias replaced"),
    (
        "CacheAuthToken.Name",
        "other",
        """
        CacheAuthToken replaced, CacheAuthToken loses data, Cache may be replaced,
        Cache rejected, TaskDefinition revised
        """,
    ),
    (
        "ContainerLogGroup.RetentionInDays",
        1,
        "ContainerLogGroup changed, ContainerLogGroup loses data",
    ),
    ("ContainerLogGroup.RetentionInDays", 731, "ContainerLogGroup changed"),
    ("ContainerLogGroup.RetentionInDays", ABSENT, "ContainerLogGroup changed"),
    (
        "ContainerLogGroup.LogGroupName",
        "/other",
        "ContainerLogGroup replaced, ContainerLogGroup loses data, TaskDefinition revised",
    ),
    # The API.
    ("RestApi.Name", "other", "RestApi changed"),
    ("IngestResource.PathPart", "readings", "IngestResource replaced, IngestMethod replaced"),
    ("ApiStage.StageName", "v2", "ApiStage replaced, ApiWebAclAssociation replaced"),
    ("ReadingsModel.Schema", {"type": "object"}, "ReadingsModel changed"),
    ("ReadingsModel.ContentType", "text/json", "ReadingsModel replaced"),
    ("ApiStage.MethodSettings.0.ThrottlingRateLimit", 1, "ApiStage changed"),
    # Roles, alarms, rotation.
    ("TaskRole.Path", "/other/", "TaskRole replaced, TaskDefinition revised"),
    ("ApiErrorsAlarm.Threshold", 9, "ApiErrorsAlarm changed"),
    ("ApiErrorsAlarm.AlarmName", "other", "ApiErrorsAlarm replaced"),
    ("RollServiceStateMachine.DefinitionString", "{}", "RollServiceStateMachine changed"),
    ("RollServiceStateMachine.StateMachineType", "EXPRESS", "RollServiceStateMachine replaced"),
    ("AlarmTopic.TopicName", "other", "AlarmTopic replaced"),
]
"""Properties with a new value, and its effects; in prod, unless an environment type follows."""

CASES = [
    *(
        Case(path, at(path, value), expected, *environment_type)
        for path, value, expected, *environment_type in PROPERTY_CASES
    ),
    Case(
        "major upgrade with the parameter group of the old version",
        both(at("Database.EngineVersion", "17.5"), at("Database.AllowMajorVersionUpgrade", True)),
        "Database may be interrupted, Database rejected",
    ),
    Case(
        "major upgrade without AllowMajorVersionUpgrade",
        both(
            at("Database.EngineVersion", "17.5"), at("DatabaseParameterGroup.Family", "postgres17")
        ),
        "Database may be interrupted, DatabaseParameterGroup replaced, Database rejected",
    ),
    Case(
        "major upgrade with all that it needs",
        both(
            at("Database.EngineVersion", "17.5"),
            at("Database.AllowMajorVersionUpgrade", True),
            at("DatabaseParameterGroup.Family", "postgres17"),
        ),
        "Database may be interrupted, DatabaseParameterGroup replaced",
    ),
    # Resources that come and go.
    Case("new queue", added("Queue", "AWS::SQS::Queue"), "Queue added"),
    Case("no dashboard", removed("Dashboard"), "Dashboard removed"),
    Case(
        "no flow log",
        removed("FlowLogGroup", "FlowLogRole", "FlowLog"),
        "FlowLogGroup removed, FlowLogGroup loses data, FlowLogRole removed, FlowLog removed",
    ),
    Case(
        "new logical ID without a custom name",
        renamed("ReadingsValidator", "Validator"),
        """
        ReadingsValidator removed, Validator added, ReadingsValidator renamed to Validator,
        IngestMethod changed
        """,
    ),
    Case(
        "new logical ID with a custom name",
        renamed("Dashboard", "Board"),
        "Dashboard removed, Board added, Dashboard renamed to Board, Board rejected",
    ),
    Case(
        "new logical ID of a stateful resource",
        renamed("ContainerLogGroup", "Logs"),
        """
        ContainerLogGroup removed, ContainerLogGroup loses data, Logs added,
        ContainerLogGroup renamed to Logs, Logs rejected,
        ExecutionRole changed, TaskDefinition revised
        """,
        environment_type="dev",
    ),
    Case(
        "new logical ID of a unique association",
        renamed("ApiWebAclAssociation", "Association"),
        """
        ApiWebAclAssociation removed, Association added,
        ApiWebAclAssociation renamed to Association, Association rejected
        """,
    ),
    Case(
        "new resource type",
        attribute("Dashboard", {"Type": "AWS::SQS::Queue"}),
        "Dashboard removed, Dashboard added, Dashboard rejected",
    ),
    # Attributes.
    Case(
        "weaker deletion policy",
        attribute("Database.DeletionPolicy", "Delete"),
        "Database changed",
    ),
    Case("order only", attribute("Cluster.DependsOn", ABSENT), ""),
    Case("metadata only", attribute("Cluster.Metadata", {"Owner": "somebody"}), ""),
    Case("description only", anywhere("Description", "Other words"), ""),
    # Conditions and parameters.
    Case(
        "condition with another result",
        anywhere("Conditions.HasFlowLogs", {"Fn::Equals": [{"Ref": "FlowLogs"}, "never"]}),
        "FlowLog removed, FlowLogGroup removed, FlowLogGroup loses data, FlowLogRole removed",
    ),
    Case(
        "condition with the same result",
        anywhere(
            "Conditions.HasFlowLogs",
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "FlowLogs"}, "disabled"]}]},
        ),
        "",
    ),
    Case(
        "default for new environments only",
        anywhere("Parameters.CpuArchitecture.Default", "ARM64"),
        "",
    ),
    Case(
        "value that is no longer allowed",
        anywhere("Parameters.NatGateways.AllowedValues", ["none", "single"]),
        "NatGateways rejected",
    ),
    Case(
        "parameter of another type",
        anywhere("Parameters.WebAcl.Type", "Number"),
        "WebAcl rejected",
    ),
    Case(
        "removed parameter that a file still sets",
        both(
            anywhere("Parameters.WebAcl", ABSENT),
            anywhere("Conditions.HasWebAcl", {"Fn::Equals": ["always", "always"]}),
        ),
        "WebAcl rejected",
    ),
    Case(
        "new parameter without a default",
        anywhere("Parameters.Colour", {"Type": "String"}),
        "Colour rejected",
    ),
]
