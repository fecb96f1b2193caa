"""What stands in a template is also used: groups are worn, roles taken on, subnets stood in."""

from checkout import ENVIRONMENTS
from resolution import of_type, only

GROUPS = {
    # What wears a security group: resource, the property with the list, and the group.
    ("Cache", "SecurityGroupIds", "CacheSecurityGroup"),
    ("Database", "VPCSecurityGroups", "DatabaseSecurityGroup"),
    ("EcrApiEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("EcrDkrEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("LoadBalancer", "SecurityGroups", "LoadBalancerSecurityGroup"),
    ("LogsEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("SecretsManagerEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
}


def worn(environment):
    """Return every security group that a resource's own property names."""
    groups = of_type(environment, "EC2::SecurityGroup").keys()
    return {
        (name, key, value["Ref"])
        for name, resource in environment["Resources"].items()
        for key, values in resource["Properties"].items()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict) and value.get("Ref") in groups
    }


def test_every_part_wears_its_own_security_group_and_no_other(environments):
    """A matrix of groups that nothing wears would keep nobody out."""
    for name, environment in environments.items():
        private = {("VpcLink", "SecurityGroupIds", "VpcLinkSecurityGroup")}
        expected = GROUPS | (private if ENVIRONMENTS[name].get("Ingress") == "private" else set())
        assert worn(environment) == expected, name
        network = only(environment, "ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["SecurityGroups"] == [{"Ref": "ContainerSecurityGroup"}]


def test_data_stands_in_the_subnet_groups(environments):
    """Without one, RDS and ElastiCache take the account's default VPC."""
    for environment in environments.values():
        resources = environment["Resources"]
        database, cache = (resources[name]["Properties"] for name in ("Database", "Cache"))
        assert database["DBSubnetGroupName"] == {"Ref": "DatabaseSubnetGroup"}
        assert cache["CacheSubnetGroupName"] == {"Ref": "CacheSubnetGroup"}


def test_task_takes_on_both_of_its_roles(environments):
    """One to be started with, one to work with."""
    for environment in environments.values():
        task = only(environment, "ECS::TaskDefinition")
        assert task["ExecutionRoleArn"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}
        assert task["TaskRoleArn"] == {"Fn::GetAtt": ["TaskRole", "Arn"]}


def test_enhanced_monitoring_may_write_its_metrics(environments):
    """With the policy that AWS keeps for it."""
    role = environments["most"]["Resources"]["DatabaseMonitoringRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [
        "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    ]


def test_service_runs_in_the_cluster_which_container_insights_watches(environments):
    """Enhanced where monitoring is detailed."""
    for name, environment in environments.items():
        assert only(environment, "ECS::Service")["Cluster"] == {"Ref": "Cluster"}
        detailed = ENVIRONMENTS[name].get("Monitoring") == "detailed"
        assert only(environment, "ECS::Cluster")["ClusterSettings"] == [
            {"Name": "containerInsights", "Value": "enhanced" if detailed else "enabled"}
        ]


def test_api_is_regional_and_its_stage_is_prod(environments):
    """The stage is a part of the invoke URL."""
    environment = environments["defaults"]
    assert only(environment, "ApiGateway::RestApi")["EndpointConfiguration"] == {
        "Types": ["REGIONAL"]
    }
    assert only(environment, "ApiGateway::Stage")["StageName"] == "prod"
    url = environment["Outputs"]["ApiInvokeUrl"]["Value"]["Fn::Sub"]
    assert url.endswith("/prod/ingest")


def test_internet_gateway_is_the_one_that_is_attached(environments):
    """To the one VPC."""
    assert only(environments["defaults"], "EC2::VPCGatewayAttachment") == {
        "InternetGatewayId": {"Ref": "InternetGateway"},
        "VpcId": {"Ref": "Vpc"},
    }


def test_alarms_sum_up_a_minute_as_their_metric_needs(environments):
    """Errors by their sum, latency by what one caller in twenty waits at least."""
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert alarms["ApiErrorsAlarm"]["Statistic"] == "Sum"
    assert alarms["ApiLatencyAlarm"]["ExtendedStatistic"] == "p95"
    assert alarms["DatabaseFreeStorageAlarm"]["Statistic"] == "Minimum"
    assert alarms["UnhealthyTargetsAlarm"]["Statistic"] == "Maximum"
