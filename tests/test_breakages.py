"""The tests of a deployed environment find environments that are broken, each in one way.

The first breakages are numbered like the failures of the system's first version, as far as a
deployed environment shows them.
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

ANYWHERE = "0.0.0.0/0"
IMAGE = {"ImageTag": "v1"}


def properties(template, name):
    return template["Resources"][name]["Properties"]


def container(template):
    _, definition = properties(template, "TaskDefinition")["ContainerDefinitions"]
    return definition


def give_the_application_the_credentials_of_the_master_user(template):
    migration, application = properties(template, "TaskDefinition")["ContainerDefinitions"]
    application["Secrets"] += migration["Secrets"]


def without(name):
    """Return a breakage that removes a resource and its output."""

    def breakage(template):
        del template["Resources"][name]
        for output, body in list(template["Outputs"].items()):
            if body["Value"] == {"Ref": name}:
                del template["Outputs"][output]

    return breakage


def changed(resource, **changes):
    """Return a breakage that changes properties of a resource; None removes one."""

    def breakage(template):
        kept = properties(template, resource) | changes
        template["Resources"][resource]["Properties"] = {
            name: value for name, value in kept.items() if value is not None
        }

    return breakage


def open_to_anywhere(group, port):
    rule = {"CidrIp": ANYWHERE, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return changed(group, SecurityGroupIngress=[rule])


def log_to_another_group(template):
    container(template)["LogConfiguration"]["Options"]["awslogs-group"] = "/ecs/nowhere"


def add_plain_password(template):
    container(template)["Environment"].append({"Name": "DB_PASSWORD", "Value": "plain text"})


def integrate_with_nothing(template):
    properties(template, "IngestMethod")["Integration"]["Uri"] = "http://127.0.0.1:1/ingest"


def deploy_api_before_its_method(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGateway::Deployment":
            del resource["DependsOn"]


def always_create_nat_gateway(template):
    template["Conditions"]["HasNatGateway"] = {"Fn::Equals": ["a", "a"]}


def use_unmanaged_password(template):
    value = {"Fn::Sub": "{{resolve:secretsmanager:${CacheAuthToken}}}"}
    changed("Database", ManageMasterUserPassword=None, MasterUserPassword=value)(template)
    attribute = "Database", "MasterUserSecret.SecretArn"
    text = json.dumps(template)
    text = text.replace(
        json.dumps({"Fn::GetAtt": attribute}), json.dumps({"Ref": "CacheAuthToken"})
    )
    template.update(json.loads(text.replace(f"${{{'.'.join(attribute)}}}", "${CacheAuthToken}")))


FORWARD = {"TargetGroupArn": {"Ref": "TargetGroup"}, "Type": "forward"}


def reaches(destination):
    return partial(
        test_traffic.test_ports_are_reached_by_their_clients_only, destination=destination
    )


BREAKAGES = {
    "1: rotation without a function": (
        use_unmanaged_password,
        test_data.test_password_is_rotated_by_rds,
    ),
    "1: rotation that starts nothing": (
        changed("DatabaseSecretRotatedRule", Targets=[]),
        test_data.test_rotation_changes_the_password_of_the_application,
    ),
    "1: rotation that starts no tasks": (
        changed("ApplicationSecretRotatedRule", Targets=[]),
        test_data.test_rotation_restarts_the_service,
    ),
    "2: missing log group": (
        log_to_another_group,
        test_containers.test_log_group_of_the_containers_exists,
    ),
    "3: tasks without an image": (
        changed("Service", DesiredCount=1),
        test_containers.test_service_wants_the_right_number_of_tasks,
        {},
    ),
    "4: method without integration": (
        changed("IngestMethod", Integration=None),
        test_api.test_every_method_is_integrated_with_the_load_balancer,
    ),
    "4: integration with nothing": (integrate_with_nothing, test_api.test_reading_is_accepted),
    "7: cluster without the suffix": (
        changed("Cluster", ClusterName="iot-pipeline"),
        test_environment.test_names_contain_the_environment,
    ),
    "7: repository without the suffix": (
        changed("Repository", RepositoryName="iot-pipeline"),
        test_environment.test_names_contain_the_environment,
    ),
    "8: service without target group": (
        changed("Service", LoadBalancers=None),
        test_containers.test_service_is_registered_with_the_target_group,
    ),
    "8: API deployed before its method": (
        deploy_api_before_its_method,
        test_api.test_stage_serves_the_current_api,
    ),
    "9: missing endpoint": (without("LogsEndpoint"), test_network.test_endpoints_are_available),
    "9: endpoint without private DNS": (
        changed("EcrApiEndpoint", PrivateDnsEnabled=False),
        test_network.test_private_subnets_reach_services_by_the_endpoints,
    ),
    "9: endpoint without route": (
        changed("S3Endpoint", RouteTableIds=[{"Ref": "PrivateRouteTable1"}]),
        test_network.test_private_subnets_reach_services_by_the_endpoints,
    ),
    "10: missing output": (
        lambda template: template["Outputs"].pop("DatabaseName"),
        test_data.test_database_is_postgresql,
    ),
    "12: Elastic IP that was not requested": (
        always_create_nat_gateway,
        test_network.test_nat_gateways_are_available,
        {"NatGateways": "none"},
    ),
    "database open to the world": (
        open_to_anywhere("DatabaseSecurityGroup", 5432),
        reaches("the database"),
    ),
    "database without clients": (without("ContainerEgressToDatabase"), reaches("the database")),
    "load balancer reached past the API": (
        open_to_anywhere("LoadBalancerSecurityGroup", 80),
        test_traffic.test_load_balancer_is_reached_by_its_ingress_only,
        IMAGE | {"Ingress": "private"},
    ),
    "load balancer that forwards everything": (
        changed("HttpListener", DefaultActions=[FORWARD]),
        test_load_balancer.test_listeners_forward_only_requests_with_the_secret,
    ),
    "load balancer that answers past the API": (
        changed("HttpListener", DefaultActions=[FORWARD]),
        test_load_balancer.test_request_past_the_api_is_refused,
    ),
    "containers without access to S3": (
        changed(
            "ContainerSecurityGroup",
            SecurityGroupEgress=[{"CidrIp": "10.0.0.0/16", "IpProtocol": "-1"}],
        ),
        test_traffic.test_containers_reach_s3,
    ),
    "no route to the NAT gateway": (
        without("PrivateDefaultRoute2"),
        test_network.test_private_subnets_route_through_the_nat_gateway,
        {"NatGateways": "single"},
    ),
    "internal load balancer for public ingress": (
        changed("LoadBalancer", Scheme="internal"),
        test_load_balancer.test_load_balancer_has_the_scheme_and_subnets_of_its_ingress,
    ),
    "role that others may assume": (
        changed("TaskRole", AssumeRolePolicyDocument={"Statement": [{"Principal": "*"}]}),
        partial(test_containers.test_only_tasks_may_assume_their_roles, role="TaskRoleArn"),
    ),
    "password in a variable": (
        add_plain_password,
        test_containers.test_credentials_come_from_secrets_manager,
    ),
    "application with the credentials of the master user": (
        give_the_application_the_credentials_of_the_master_user,
        test_containers.test_credentials_come_from_secrets_manager,
    ),
    "database without encryption": (
        changed("Database", StorageEncrypted=False),
        test_data.test_database_is_private_and_encrypted,
    ),
    "cache without TLS": (
        changed("Cache", AuthToken=None, TransitEncryptionEnabled=False),
        test_data.test_cache_is_private_and_encrypted,
    ),
    "API without authorization": (
        changed("IngestMethod", ApiKeyRequired=False),
        test_api.test_unauthorized_request_is_refused,
    ),
    "API without validation": (
        changed("IngestMethod", RequestValidatorId=None),
        test_api.test_invalid_reading_is_refused,
    ),
    "log group that never expires": (
        changed("ContainerLogGroup", RetentionInDays=None),
        test_environment.test_log_groups_exist_and_expire,
    ),
}
"""The breakage of the template, the test that finds it, and the parameters if they matter."""


def deploy_broken(deploy_environment, name):
    """Deploy an environment with a breakage."""
    breakage, _, *parameters = BREAKAGES[name]
    template = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
    breakage(template)
    return deploy_environment("dev1", *(parameters or [IMAGE]), json.dumps(template))


@pytest.mark.parametrize("name", BREAKAGES)
def test_breakage_is_found(deploy_environment, name):
    environment = deploy_broken(deploy_environment, name)
    _, find, *_ = BREAKAGES[name]
    with pytest.raises(AssertionError):
        find(environment)


@pytest.fixture(scope="module")
def whole(deploy_environment):
    """An environment without a breakage."""
    return deploy_environment("dev1", IMAGE)


def test_whole_environment_accepts_a_reading(whole):
    test_api.test_reading_is_accepted(whole)


@pytest.mark.parametrize("find", dict.fromkeys(find for _, find, *_ in BREAKAGES.values()))
def test_whole_environment_passes(whole, find):
    find(whole)


def test_failed_update_is_found(whole):
    failed = replace(whole.stack, status="UPDATE_ROLLBACK_COMPLETE", reason="because")
    with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE: because"):
        test_environment.test_last_operation_on_the_stack_has_succeeded(
            Deployed(whole.connection, failed, failed)
        )


def test_active_alarm_is_found_with_its_reason(whole):
    name = f"{whole.stack.name}/DatabaseCpu"
    whole.connection.cloudwatch.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="too hot"
    )
    with pytest.raises(AssertionError, match=f"alarm {name} .*: too hot"):
        test_environment.test_no_alarm_is_active(whole)


def test_network_acl_is_found(whole):
    acl = whole.connection.ec2.create_network_acl(VpcId=whole.outputs["VpcId"])["NetworkAcl"]
    with pytest.raises(AssertionError, match=acl["NetworkAclId"]):
        test_traffic.test_network_acls_allow_everything(whole)


def test_value_of_a_secret_is_in_no_message(deploy_environment):
    environment = deploy_broken(deploy_environment, "1: rotation without a function")
    with pytest.raises(AssertionError, match=r"lacks \['password', 'username'\]") as failure:
        test_data.test_secrets_can_be_read(environment)
    # Before this function has the secret in a variable.
    shown = str(failure.getrepr(showlocals=True))
    secret = environment.connection.secretsmanager.get_secret_value(
        SecretId=environment.outputs["DatabaseSecretArn"]
    )
    assert secret["SecretString"] not in shown
