"""What the integration tests say of environments that are broken, each in one way.

Above all in the ways in which the system's first version failed, as far as an environment that is
deployed can show them.
"""

import json

import pytest

from conftest import ROOT
from integration import (
    test_api,
    test_containers,
    test_data,
    test_environment,
    test_load_balancer,
    test_network,
    test_traffic,
)

ANYWHERE = "0.0.0.0/0"


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


def logs_to_nowhere(template):
    container(template)["LogConfiguration"]["Options"]["awslogs-group"] = "/ecs/nowhere"


def misnames_a_secret(template):
    container(template)["Secrets"][0]["Name"] = "DATABASE_PASSWORD"


def tells_a_secret(template):
    secret = container(template)["Secrets"].pop()
    container(template)["Environment"].append({"Name": secret["Name"], "Value": "for all to read"})


def misses_a_variable(template):
    variables = container(template)["Environment"]
    variables.remove(next(each for each in variables if each["Name"] == "DB_HOST"))


def rotates_by_a_schedule(template):
    """A password of the stack's own, for which a schedule would need a function."""
    secret = "{{resolve:secretsmanager:${CacheAuthToken}}}"
    with_("Database", ManageMasterUserPassword=None, MasterUserPassword={"Fn::Sub": secret})(
        template
    )
    text = json.dumps(template).replace(
        json.dumps({"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}),
        json.dumps({"Ref": "CacheAuthToken"}),
    )
    text = text.replace("${Database.MasterUserSecret.SecretArn}", "${CacheAuthToken}")
    template.update(json.loads(text))


def open_to_the_world(group, port):
    rule = {"CidrIp": ANYWHERE, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}

    def change(template):
        properties(template, group)["SecurityGroupIngress"] = [rule]

    return change


BREAKAGES = {
    # The failures of the first version, by their numbers.
    "1: a rotation without a function": (
        rotates_by_a_schedule,
        test_data.test_password_is_rotated_by_rds,
        "is not managed by RDS: nobody rotates the password",
    ),
    "1: a rotation that nobody hears of": (
        with_("DatabaseSecretRotatedRule", Targets=[]),
        test_data.test_rotation_rolls_the_service,
        "DatabaseSecretRotatedRule.* starts nothing",
    ),
    "2: a log group that nobody created": (
        logs_to_nowhere,
        test_containers.test_logs_go_to_a_log_group_that_is_there,
        "where the container logs: awslogs-group is '/ecs/nowhere' and should be '/ecs/iot-pipe",
    ),
    "3: tasks without an image": (
        with_("Service", DesiredCount=1),
        test_containers.test_service_runs_as_many_tasks_as_it_should,
        "wants 1 tasks, though no image is named",
    ),
    "4: a method without integration": (
        with_("IngestMethod", Integration=None),
        test_api.test_every_method_leads_to_the_load_balancer,
        "POST /ingest has no integration",
    ),
    "4: a method whose integration leads nowhere": (
        with_("IngestMethod", Integration=None),
        test_api.test_reading_is_accepted,
        "a reading is answered with Answer.status=5.*should be accepted",
    ),
    "7: a cluster without the suffix": (
        with_("Cluster", ClusterName="iot-pipeline"),
        test_environment.test_names_carry_the_suffix,
        "ClusterName is 'iot-pipeline', without the environment's name iot-pipeline-pr",
    ),
    "8: a service that no request reaches": (
        with_("Service", LoadBalancers=None),
        test_containers.test_service_is_registered_with_the_target_group,
        "registered with no target group",
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
    "12: an Elastic IP that nobody wanted": (
        lambda template: template["Conditions"].update(
            HasNatGateway={"Fn::Equals": ["a", "a"]}
        ),
        test_network.test_nat_gateways_work,
        "there are 1 NAT gateways and not 0",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_breakage_is_found(deploy_environment, name):
    """By the test that is about it, in words for whoever deploys."""
    breaks, test, words = BREAKAGES[name]
    template = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
    breaks(template)
    parameters = {} if "without an image" in name else {"ImageTag": "v1"}
    environment = deploy_environment("pr1", parameters, json.dumps(template))
    with pytest.raises(AssertionError, match=words):
        test(environment)
