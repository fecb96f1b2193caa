"""Physical names and tags, which carry the environment's suffix.

A resource has a name of its own only where somebody outside the stack has to find it, because
CloudFormation cannot replace such a resource: the old one still has the name. CloudFormation names
the others after the stack, whose name contains the suffix, too.
"""

from collections.abc import Mapping

from troposphere import AWSObject, Parameter, Sub, Tags

PROJECT = "iot-pipeline"

SUFFIX_PATTERN = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""The strictest rules of all services: ECR takes no capitals; RDS and ElastiCache, whose resources
CloudFormation names after the stack, take no `--` and no `-` at the end."""

SUFFIX_MAX_LENGTH = 32
"""`iot-pipeline-` and 32 characters are 45. The shortest limit of a name with the suffix is that of
a delivery source, 60 characters."""

SUFFIX_RULE = (
    f"1 to {SUFFIX_MAX_LENGTH} lowercase letters, digits and single hyphens, "
    "with a letter first and no hyphen last."
)


def environment_name(suffix: Parameter, *, prefix: str = "", ending: str = "") -> Sub:
    """Return the name `<prefix>iot-pipeline-<suffix><ending>`.

    An `ending` must begin with a character that a suffix cannot contain, such as `/`: the ending
    `-api` of environment `pr` would be the name of environment `pr-api`.

    Raises:
        ValueError: when the ending could be a part of another environment's suffix.

    """
    if ending and (ending[0].islower() or ending[0].isdigit() or ending[0] == "-"):
        msg = f"the ending {ending!r} could be a part of another environment's suffix"
        raise ValueError(msg)
    return Sub(f"{prefix}{PROJECT}-${{{suffix.title}}}{ending}")


def tag_resource(resource: AWSObject, suffix: Parameter, *, component: str) -> None:
    """Set the tags of a resource, if its type takes tags."""
    if "Tags" not in resource.props:
        return
    title = str(resource.title)
    tags = {
        "Component": component,
        "Environment": suffix.ref(),
        "Name": Sub(f"{PROJECT}-${{{suffix.title}}}-{NAMES.get(title, title)}"),
        "Project": PROJECT,
    }
    takes_map = resource.props["Tags"][0] is dict
    resource.Tags = tags if takes_map else Tags(tags)


NAMES: Mapping[str, str] = {
    "AlarmTopic": "alarms",
    "ApiErrorsAlarm": "ApiErrors",
    "ApiKey": "api-key",
    "ApiLatencyAlarm": "ApiLatency",
    "ApiLogGroup": "apigateway-logs",
    "ApiStage": "stage",
    "ApiWebAcl": "web-acl",
    "Cache": "cache",
    "CacheAuthToken": "cache-auth-token",
    "CacheEvictionsAlarm": "CacheEvictions",
    "CacheMemoryAlarm": "CacheMemory",
    "CacheSubnetGroup": "cache",
    "Cluster": "cluster",
    "ContainerInsightsLogGroup": "aws/ecs/containerinsights-logs",
    "ContainerLogGroup": "ecs-logs",
    "Dashboard": "dashboard",
    "Database": "database",
    "DatabaseConnectionsAlarm": "DatabaseConnections",
    "DatabaseCpuAlarm": "DatabaseCpu",
    "DatabaseFreeStorageAlarm": "DatabaseFreeStorage",
    "DatabaseMonitoringRole": "database-monitoring",
    "DatabaseParameterGroup": "database",
    "DatabaseSecretRotatedRule": "secret-rotated",
    "DatabaseSubnetGroup": "database",
    "EncryptionKmsKey": "key",
    "ExecutionRole": "execution-role",
    "FlowLog": "flow-log",
    "FlowLogGroup": "vpc-logs",
    "FlowLogRole": "flow-log-role",
    "HttpListener": "http",
    "HttpsListener": "https",
    "InternetGateway": "internet-gateway",
    "LoadBalancer": "load-balancer",
    "LoadBalancerErrorsAlarm": "LoadBalancerErrors",
    "LoadBalancerLogDelivery": "load-balancer-logs",
    "LoadBalancerLogDestination": "load-balancer-logs",
    "LoadBalancerLogGroup": "aws/vendedlogs/elb-logs",
    "LoadBalancerLogSource": "load-balancer-logs",
    "NatElasticIp1": "nat-1",
    "NatElasticIp2": "nat-2",
    "NatGateway1": "nat-1",
    "NatGateway2": "nat-2",
    "RedirectListenerRule": "redirect",
    "Repository": "repository",
    "RestApi": "api",
    "RollServiceRole": "roll-service-role",
    "RollServiceStateMachine": "roll-service",
    "RotationFailedAlarm": "RotationFailed",
    "Service": "service",
    "ServiceScalableTarget": "scaling",
    "StageListenerRule": "stage",
    "StartRollRole": "start-roll-role",
    "TargetGroup": "target-group",
    "TaskDefinition": "task",
    "TaskRole": "task-role",
    "TasksBelowDesiredAlarm": "TasksBelowDesired",
    "UnhealthyTargetsAlarm": "UnhealthyTargets",
    "UsagePlan": "usage-plan",
    "Vpc": "vpc",
    "VpcLink": "vpc-link",
}
"""Names in the tag `Name` that are not the logical ID."""
