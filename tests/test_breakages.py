"""What the integration tests say of environments that are broken, each in one way.

Above all in the ways in which the system's first version failed, as far as an environment that is
deployed can show them.
"""

import json
from dataclasses import replace
from functools import partial

import pytest

from checkout import ROOT
from deployed import (
    test_api,
    test_containers,
    test_data,
    test_environment,
    test_load_balancer,
    test_network,
    test_traffic,
)
from deployed.observed import Deployed

MODULES = (
    test_api,
    test_containers,
    test_data,
    test_environment,
    test_load_balancer,
    test_network,
    test_traffic,
)
ANYWHERE = "0.0.0.0/0"
IMAGE = {"ImageTag": "v1"}


def properties(template, name):
    return template["Resources"][name]["Properties"]


def container(template):
    (definition,) = properties(template, "TaskDefinition")["ContainerDefinitions"]
    return definition


def without(*names):
    """Return what leaves resources out, and the outputs that tell of them."""

    def leave_out(template):
        for name in names:
            del template["Resources"][name]
        for output, body in list(template["Outputs"].items()):
            if body["Value"] in [{"Ref": name} for name in names]:
                del template["Outputs"][output]

    return leave_out


def with_(resource, **changed):
    """Return what gives a resource other properties; one that is None goes."""

    def change(template):
        kept = properties(template, resource) | changed
        template["Resources"][resource]["Properties"] = {
            name: value for name, value in kept.items() if value is not None
        }

    return change


def open_to_anywhere(group, port):
    rule = {"CidrIp": ANYWHERE, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return with_(group, SecurityGroupIngress=[rule])


def logs_to_nowhere(template):
    container(template)["LogConfiguration"]["Options"]["awslogs-group"] = "/ecs/nowhere"


def takes_an_image_from_elsewhere(template):
    container(template)["Image"] = "docker.io/library/nginx:latest"


def misnames_a_secret(template):
    container(template)["Secrets"][0]["Name"] = "DATABASE_PASSWORD"


def tells_a_secret(template):
    variable = {"Name": "DB_PASSWORD", "Value": "for all to read"}
    container(template)["Environment"].append(variable)


def misses_a_variable(template):
    variables = container(template)["Environment"]
    variables[:] = [each for each in variables if each["Name"] != "DB_HOST"]


def hands_out_a_public_address(template):
    network = properties(template, "Service")["NetworkConfiguration"]
    network["AwsvpcConfiguration"]["AssignPublicIp"] = "ENABLED"


def leads_nowhere(template):
    properties(template, "IngestMethod")["Integration"]["Uri"] = "http://127.0.0.1:1/ingest"


def deploys_the_api_too_early(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGateway::Deployment":
            del resource["DependsOn"]


def always_has_a_nat_gateway(template):
    template["Conditions"]["HasNatGateway"] = {"Fn::Equals": ["a", "a"]}


def has_a_password_of_its_own(template):
    """For which a schedule would need a function."""
    value = {"Fn::Sub": "{{resolve:secretsmanager:${CacheAuthToken}}}"}
    change = with_("Database", ManageMasterUserPassword=None, MasterUserPassword=value)
    change(template)
    attribute = "Database", "MasterUserSecret.SecretArn"
    text = json.dumps(template)
    text = text.replace(
        json.dumps({"Fn::GetAtt": attribute}), json.dumps({"Ref": "CacheAuthToken"})
    )
    template.update(json.loads(text.replace(f"${{{'.'.join(attribute)}}}", "${CacheAuthToken}")))


def reached(end):
    return partial(test_traffic.test_only_who_should_reaches, end=end)


# Numbered as the failures of the first version are; the others could happen, too.
BREAKAGES = {
    "1: a rotation without a function": (
        has_a_password_of_its_own,
        test_data.test_password_is_rotated_by_rds,
        "is not managed by RDS: nobody rotates the password",
    ),
    "1: a rotation that starts nothing": (
        with_("DatabaseSecretRotatedRule", Targets=[]),
        test_data.test_rotation_rolls_the_service,
        "DatabaseSecretRotatedRule.* starts nothing",
    ),
    "2: a log group that nobody created": (
        logs_to_nowhere,
        test_containers.test_logs_go_to_a_log_group_that_is_there,
        "where the container logs: awslogs-group is '/ecs/nowhere' and should be '/ecs/iot-pipel",
    ),
    "3: tasks without an image": (
        with_("Service", DesiredCount=1),
        test_containers.test_service_runs_as_many_tasks_as_it_should,
        "wants 1 tasks, though no image is named",
        {},
    ),
    "4: a method without integration": (
        with_("IngestMethod", Integration=None),
        test_api.test_every_method_leads_to_the_load_balancer,
        "POST /ingest has no integration",
    ),
    "4: an integration that leads nowhere": (
        leads_nowhere,
        test_api.test_reading_is_accepted,
        "a reading is answered with Answer.status=5.*should be accepted",
    ),
    "7: a cluster without the suffix": (
        with_("Cluster", ClusterName="iot-pipeline"),
        test_environment.test_names_carry_the_suffix,
        "ClusterName is 'iot-pipeline', without the environment's name iot-pipeline-pr1",
    ),
    "7: a repository without the suffix": (
        with_("Repository", RepositoryName="iot-pipeline"),
        test_environment.test_names_carry_the_suffix,
        "RepositoryUri is '.*/iot-pipeline', without",
    ),
    "8: a service that no request reaches": (
        with_("Service", LoadBalancers=None),
        test_containers.test_service_is_registered_with_the_target_group,
        "registered with no target group",
    ),
    "8: an API that is deployed before its method": (
        deploys_the_api_too_early,
        test_api.test_stage_serves_what_the_api_is_now,
        "the stage serves {} and the API is {'POST /ingest': True}",
    ),
    "9: a missing endpoint": (
        without("LogsEndpoint"),
        test_network.test_endpoints_are_available,
        "no output LogsEndpointId",
    ),
    "9: an endpoint that no name leads to": (
        with_("EcrApiEndpoint", PrivateDnsEnabled=False),
        test_network.test_private_subnets_reach_services_by_the_endpoints,
        "EcrApiEndpoint: PrivateDnsEnabled is False",
    ),
    "9: an endpoint that no route leads to": (
        with_("S3Endpoint", RouteTableIds=[{"Ref": "PrivateRouteTable1"}]),
        test_network.test_private_subnets_reach_services_by_the_endpoints,
        "S3Endpoint is on the route tables",
    ),
    "10: a missing output": (
        lambda template: template["Outputs"].pop("DatabaseName"),
        test_data.test_database_is_postgresql,
        "no output DatabaseName",
    ),
    "12: an Elastic IP that nobody asked for": (
        always_has_a_nat_gateway,
        test_network.test_nat_gateways_work,
        "there are 1 NAT gateways and not 0",
    ),
    "a database that is open to the world": (
        open_to_anywhere("DatabaseSecurityGroup", 5432),
        reached("the database"),
        r"port 5432 of the database is reached by .*\(default\).* should be by .*Container.* alone",
    ),
    "a cache that is open to the world": (
        open_to_anywhere("CacheSecurityGroup", 6379),
        reached("the cache"),
        r"port 6379 of the cache is reached by .*\(default\).* should be by .*Container.* alone",
    ),
    "containers that anybody calls": (
        open_to_anywhere("ContainerSecurityGroup", 8080),
        reached("the containers"),
        "port 8080 of the containers is reached by .*default.* should be by .*LoadBalancer.* alone",
    ),
    "a database that nobody reaches": (
        without("ContainerEgressToDatabase"),
        reached("the database"),
        "port 5432 of the database is reached by nobody",
    ),
    "a load balancer that nobody reaches": (
        open_to_anywhere("LoadBalancerSecurityGroup", 81),
        test_traffic.test_load_balancer_is_reached_as_the_ingress_says,
        "port 80 of the load balancer is reached by nobody, and should be from the internet",
    ),
    "a load balancer that is reached past the API": (
        open_to_anywhere("LoadBalancerSecurityGroup", 80),
        test_traffic.test_load_balancer_is_reached_as_the_ingress_says,
        "port 80 of the load balancer is reached by .*default.* should be by .*VpcLink",
        IMAGE | {"Ingress": "private"},
    ),
    "a cache in the security group of the database": (
        with_("Cache", SecurityGroupIds=[{"Ref": "DatabaseSecurityGroup"}]),
        test_traffic.test_parts_have_the_security_groups_of_the_outputs,
        "the cache has the security groups .* and not sg-",
    ),
    "containers that are kept from S3": (
        with_(
            "ContainerSecurityGroup",
            SecurityGroupEgress=[{"CidrIp": "10.0.0.0/16", "IpProtocol": "-1"}],
        ),
        test_traffic.test_containers_reach_s3,
        "lets nothing out on port 443",
    ),
    "a database that calls out": (
        with_(
            "DatabaseSecurityGroup", SecurityGroupEgress=[{"CidrIp": ANYWHERE, "IpProtocol": "-1"}]
        ),
        test_traffic.test_nobody_else_leaves_the_vpc,
        "the database lets itself out on port 443",
    ),
    "a smaller VPC": (
        with_("Vpc", CidrBlock="10.0.0.0/17"),
        test_network.test_vpc_has_its_range,
        "vpc-.*: CidrBlock is '10.0.0.0/17' and should be '10.0.0.0/16'",
    ),
    "a VPC without names": (
        with_("Vpc", EnableDnsHostnames=False),
        partial(test_network.test_vpc_resolves_names, attribute="enableDnsHostnames"),
        "vpc-.*: enableDnsHostnames is off",
    ),
    "a private subnet with public addresses": (
        with_("PrivateSubnet1", MapPublicIpOnLaunch=True),
        test_network.test_subnets_have_their_ranges,
        "PrivateSubnet1 subnet-.*: MapPublicIpOnLaunch is True",
    ),
    "one zone for all": (
        with_("PrivateSubnet2", AvailabilityZone={"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        test_network.test_subnets_are_in_two_zones,
        "both private subnets are in ap-northeast-1a",
    ),
    "no route to the internet gateway": (
        without("PublicDefaultRoute"),
        test_network.test_public_subnets_route_to_the_internet_gateway,
        "PublicSubnet1 routes to None and not to igw-",
    ),
    "no route to the NAT gateway": (
        without("PrivateDefaultRoute2"),
        test_network.test_private_subnets_route_through_the_nat_gateway,
        "PrivateSubnet2: the default route leads to None and should lead to nat-",
        {"NatGateways": "single"},
    ),
    "an internal load balancer for public ingress": (
        with_("LoadBalancer", Scheme="internal"),
        test_load_balancer.test_load_balancer_is_where_the_ingress_says,
        "Scheme is 'internal' and should be 'internet-facing'",
    ),
    "a load balancer that keeps to its zone": (
        with_("LoadBalancer", LoadBalancerAttributes=[]),
        test_load_balancer.test_load_balancer_crosses_zones,
        "load_balancing.cross_zone.enabled is .* and should be 'true'",
    ),
    "HTTP that is not redirected": (
        without("RedirectListenerRule"),
        test_load_balancer.test_listeners_lead_to_the_containers,
        "HTTP is not redirected to HTTPS",
        {
            "CertificateArn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/0",
            "DomainName": "a.io",
        },
    ),
    "a target group on another port": (
        with_("TargetGroup", Port=80),
        test_load_balancer.test_target_group_takes_the_containers,
        "targetgroup/.*: Port is 80 and should be 8080",
    ),
    "a cluster without insights": (
        with_("Cluster", ClusterSettings=None),
        test_containers.test_cluster_has_container_insights,
        "iot-pipeline-pr1: containerInsights is .* and should be 'enabled'",
    ),
    "a repository whose tags can be moved": (
        with_("Repository", ImageTagMutability="MUTABLE"),
        test_containers.test_repository_scans_what_is_pushed,
        "imageTagMutability is 'MUTABLE' and should be 'IMMUTABLE'",
    ),
    "a task of another size": (
        with_("TaskDefinition", Cpu="1024"),
        test_containers.test_task_runs_on_fargate,
        "task-definition/.*: cpu is '1024' and should be '256'",
    ),
    "a role that others may assume": (
        with_("TaskRole", AssumeRolePolicyDocument={"Statement": [{"Principal": "*"}]}),
        partial(test_containers.test_tasks_may_assume_their_roles, role="TaskRoleArn"),
        "TaskRoleArn trusts",
    ),
    "an image from elsewhere": (
        takes_an_image_from_elsewhere,
        test_containers.test_image_is_from_the_repository_of_the_environment,
        "image is 'docker.io/library/nginx:latest' and should be '.*iot-pipeline-pr1:v1'",
    ),
    "a variable that is missing": (
        misses_a_variable,
        test_containers.test_container_is_told_where_everything_is,
        "DB_HOST is None and should be '.*rds",
    ),
    "a secret by another name": (
        misnames_a_secret,
        test_containers.test_credentials_come_from_secrets_manager,
        "the secrets of the container: DB_PASSWORD is None",
    ),
    "a secret that is a variable": (
        tells_a_secret,
        test_containers.test_credentials_come_from_secrets_manager,
        "DB_PASSWORD stands in the task definition",
    ),
    "tasks with public addresses": (
        hands_out_a_public_address,
        test_containers.test_service_is_in_the_private_subnets,
        "assignPublicIp is 'ENABLED' and should be 'DISABLED'",
    ),
    "more tasks than there may be": (
        with_("Service", DesiredCount=50),
        test_containers.test_service_runs_as_many_tasks_as_it_should,
        "wants 50 tasks, not 1 to 2",
    ),
    "a database that is not encrypted": (
        with_("Database", StorageEncrypted=False),
        test_data.test_database_is_private_and_encrypted,
        "StorageEncrypted is False and should be True",
    ),
    "a database without TLS": (
        with_("DatabaseParameterGroup", Parameters={"rds.force_ssl": "0"}),
        test_data.test_database_takes_tls_only,
        "rds.force_ssl is '0' and should be '1'",
    ),
    "a database without backups": (
        with_("Database", BackupRetentionPeriod=0),
        test_data.test_database_is_kept_as_it_should_be,
        "BackupRetentionPeriod is 0 and should be 7",
        {"Durability": "protected"},
    ),
    "an older Redis": (
        with_("Cache", EngineVersion="6.2"),
        test_data.test_cache_is_redis,
        "is Redis 6.2, not 7.1",
    ),
    "a cache without TLS": (
        with_("Cache", AuthToken=None, TransitEncryptionEnabled=False),
        test_data.test_cache_is_private_and_encrypted,
        "TransitEncryptionEnabled is False and should be True",
    ),
    "an API at the edge": (
        with_("RestApi", EndpointConfiguration={"Types": ["EDGE"]}),
        test_api.test_api_is_regional,
        "is \\['EDGE'\\] and not REGIONAL",
    ),
    "a key that opens nothing": (
        without("UsagePlanKey"),
        test_api.test_callers_bring_what_is_demanded,
        "is in no usage plan of the stage: callers are refused",
    ),
    "an API that is open to everybody": (
        with_("IngestMethod", ApiKeyRequired=False),
        test_api.test_request_without_what_is_demanded_is_refused,
        "the API answers Answer.status=400.* and should answer 403",
    ),
    "an API that takes anything": (
        with_("IngestMethod", RequestValidatorId=None),
        test_api.test_what_is_no_reading_is_refused,
        "and should answer 400",
    ),
    "an API without limits": (
        with_("ApiStage", MethodSettings=None),
        test_api.test_stage_is_throttled,
        "the stage: throttlingBurstLimit is None and should be 200",
    ),
    "logs that are kept forever": (
        with_("ContainerLogGroup", RetentionInDays=None),
        test_environment.test_log_groups_are_there_and_expire,
        "ContainerLogGroupName: /ecs/iot-pipeline-pr1 never expires",
    ),
    "a cache that nobody watches": (
        without("CacheEvictionsAlarm", "CacheMemoryAlarm"),
        test_environment.test_every_part_is_watched,
        "no alarm watches AWS/ElastiCache",
    ),
}
"""What breaks the template, the test that finds it, what it says, and parameters if they matter."""


def broken(deploy_environment, name):
    """Return an environment that is broken in a way that has a name."""
    breaks, _, _, *parameters = BREAKAGES[name]
    template = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
    breaks(template)
    return deploy_environment("pr1", *(parameters or [IMAGE]), json.dumps(template))


@pytest.mark.parametrize("name", BREAKAGES)
def test_breakage_is_found(deploy_environment, name):
    """By the test that is about it, in words for whoever deploys."""
    environment = broken(deploy_environment, name)
    _, test, words, *_ = BREAKAGES[name]
    with pytest.raises(AssertionError, match=words):
        test(environment)


@pytest.fixture(scope="module")
def whole(deploy_environment):
    """An environment in which nothing is broken."""
    return deploy_environment("pr1", IMAGE)


def test_reading_arrives_where_nothing_is_broken(whole):
    """With public ingress and an API key."""
    test_api.test_reading_is_accepted(whole)


def test_update_that_failed_is_found(whole):
    """Whatever is there is not what was deployed."""
    failed = replace(whole.stack, status="UPDATE_ROLLBACK_COMPLETE", reason="because")
    with pytest.raises(
        AssertionError, match="iot-pipeline-pr1 is in UPDATE_ROLLBACK_COMPLETE: because"
    ):
        test_environment.test_last_operation_on_the_stack_has_succeeded(
            Deployed(whole.connection, failed)
        )


def test_alarm_that_is_raised_is_found(whole):
    """With the reason that CloudWatch gives."""
    name = f"{whole.stack.name}/DatabaseCpu"
    whole.connection.cloudwatch.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="too hot"
    )
    with pytest.raises(AssertionError, match=f"alarm {name} .*: too hot"):
        test_environment.test_no_alarm_is_raised(whole)


def test_network_acl_is_found(whole):
    """One that somebody has added denies everything at first."""
    acl = whole.connection.ec2.create_network_acl(VpcId=whole.outputs["VpcId"])["NetworkAcl"]
    words = f"{acl['NetworkAclId']} does not let everything through"
    with pytest.raises(AssertionError, match=words):
        test_traffic.test_network_acls_let_everything_through(whole)


def test_secret_is_never_said(deploy_environment):
    """Not even by the test that looks into it, and finds that something is missing."""
    environment = broken(deploy_environment, "1: a rotation without a function")
    with pytest.raises(AssertionError, match=r"lacks \['password', 'username'\]") as failure:
        test_data.test_secrets_can_be_read(environment)
    said = str(failure.getrepr(showlocals=True))
    secret = environment.connection.secretsmanager.get_secret_value(
        SecretId=environment.outputs["DatabaseSecretArn"]
    )
    assert secret["SecretString"] not in said


def test_every_test_finds_something():
    """But those that only AWS can answer."""
    finding = {getattr(test, "func", test) for _, test, *_ in BREAKAGES.values()}
    finding |= {
        test_data.test_secrets_can_be_read,
        test_environment.test_last_operation_on_the_stack_has_succeeded,
        test_environment.test_no_alarm_is_raised,
        test_traffic.test_network_acls_let_everything_through,
    }
    tests = {
        test
        for module in MODULES
        for name, test in vars(module).items()
        if name.startswith("test_")
        and all(mark.name != "aws" for mark in getattr(test, "pytestmark", []))
    }
    assert finding == tests
