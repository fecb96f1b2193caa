"""The twelve failures of the first version of the system, which must never come back.

These tests cover what the template prevents. The tests of `deploy` cover `ENVIRONMENT_SUFFIX`, the
file of outputs and the comparison with quotas.
"""

import json
import re
import sys
from pathlib import Path

import pytest

from checkout import ROOT, run
from iot_pipeline_cfn.review.ports import Ports
from iot_pipeline_cfn.review.traffic import Flow, flows
from iot_pipeline_cfn.stack.network import ANYWHERE
from iot_pipeline_cfn.template.references import references
from resolution import (
    container_of,
    containers_of,
    explicit_dependencies,
    name_of,
    of_type,
    only,
    resolve,
    waits_for,
)
from schemas import identifier

AWS_SERVICES_OF_A_TASK = {"ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"}

OUTPUTS = {
    # Outputs of an environment with all optional parts.
    "network": "VpcId VpcCidr PublicSubnet1Id PublicSubnet2Id PrivateSubnet1Id PrivateSubnet2Id "
    "NatGateway1Id NatGateway2Id",
    "endpoints": "S3EndpointId SecretsManagerEndpointId EcrApiEndpointId EcrDkrEndpointId "
    "LogsEndpointId",
    "security groups": "LoadBalancerSecurityGroupId ContainerSecurityGroupId "
    "EndpointsSecurityGroupId DatabaseSecurityGroupId CacheSecurityGroupId VpcLinkSecurityGroupId",
    "load balancer": "LoadBalancerArn LoadBalancerDnsName TargetGroupArn",
    "containers": "ClusterName ServiceName TaskDefinitionArn ExecutionRoleArn TaskRoleArn "
    "RepositoryUri ContainerLogGroupName",
    "database": "DatabaseEndpointAddress DatabaseEndpointPort DatabaseName DatabaseInstanceId "
    "DatabaseSecretArn",
    "cache": "CachePrimaryEndpointAddress CacheReaderEndpointAddress CachePort",
    "API": "ApiId ApiStageName ApiInvokeUrl",
}


def test_failure_1_rotation_without_a_function(template, environments):
    """RDS rotates its own secret, and no rotation schedule needs a function."""
    assert not of_type(template, "SecretsManager::RotationSchedule")
    for environment in environments.values():
        database = only(environment, "RDS::DBInstance")
        assert database["ManageMasterUserPassword"] is True
        assert "MasterUserPassword" not in database


def test_failure_2_missing_log_group(environments):
    """Every writer of logs refers to a log group of the stack."""
    for environment in environments.values():
        written = [
            container["LogConfiguration"]["Options"]["awslogs-group"]
            for container in containers_of(environment).values()
        ]
        written += [
            each["LoggingConfiguration"]["Destinations"]
            for each in of_type(environment, "StepFunctions::StateMachine").values()
        ]
        written += [log["LogGroupName"] for log in of_type(environment, "EC2::FlowLog").values()]
        stage = only(environment, "ApiGateway::Stage")
        written += [log["DestinationArn"] for log in [stage.get("AccessLogSetting")] if log]
        log_groups = of_type(environment, "Logs::LogGroup")
        for log_group in written:
            assert set(references(log_group)) & log_groups.keys()
        assert "ContainerLogGroup" in waits_for(environment, "Service")


@pytest.mark.parametrize("desired", ["1", "100"])
def test_failure_3_tasks_without_an_image(template, desired):
    """The service has zero tasks without an image tag, and the desired count with one."""
    counts = {"DesiredCount": desired, "MaximumCount": "100"}
    without = resolve(template, counts)
    assert only(without, "ECS::Service")["DesiredCount"] == 0
    assert not of_type(without, "ApplicationAutoScaling::ScalableTarget")
    environment = resolve(template, counts | {"ImageTag": "v1"})
    assert only(environment, "ECS::Service")["DesiredCount"] == desired
    container = container_of(environment)
    assert name_of(container["Image"]) == "${Repository.RepositoryUri}:v1"


def test_failure_4_method_without_integration(environments):
    """Every method forwards to the load balancer with which the service is registered."""
    for environment in environments.values():
        methods = of_type(environment, "ApiGateway::Method")
        assert methods
        for method in methods.values():
            integration = method["Integration"]
            assert integration["Type"] == "HTTP_PROXY"
            assert integration["IntegrationHttpMethod"] == method["HttpMethod"]
            resource = environment["Resources"][method["ResourceId"]["Ref"]]
            assert name_of(integration["Uri"]).endswith(f"/{resource['Properties']['PathPart']}")
            assert (
                "LoadBalancer" in references(integration)
                or "domainName" in (only(environment, "ApiGateway::Stage")["Variables"])
            )


def test_failures_5_and_6_unused_imports_and_left_over_code(tmp_path):
    """The linter reports both."""
    (tmp_path / "any.py").write_text('"""Any."""\n\nimport os\n\n# print(1)\n')
    config = str(ROOT / "pyproject.toml")
    ruff = str(Path(sys.executable).with_name("ruff"))
    done = run(ruff, "check", "--config", config, "--output-format", "json", str(tmp_path))
    assert {found["code"] for found in json.loads(done.stdout)} == {"F401", "ERA001"}


def test_failure_7_names_without_the_suffix(template):
    """A name that must be unique in an account carries the suffix, or AWS assigns it."""
    environment = resolve(template, {"EnvironmentSuffix": "pr123"})
    named = {
        name: value
        for name, resource in environment["Resources"].items()
        for key in identifier(resource["Type"])
        if isinstance(value := resource["Properties"].get(key), str)
        # The name of a stage is unique only in its API.
        and len(identifier(resource["Type"])) == 1
    }
    assert {"Cluster", "ContainerLogGroup", "Dashboard", "Repository"} <= named.keys()
    assert all("iot-pipeline-pr123" in value for value in named.values()), named


def test_failure_8_order_left_to_chance(environments):
    """Where AWS requires an order that no reference implies, there is a DependsOn."""
    for environment in environments.values():
        needed = [
            ("Service", "HttpForwardingRule"),
            ("Cluster", "ContainerInsightsLogGroup"),
            ("PublicDefaultRoute", "InternetGatewayAttachment"),
            ("LoadBalancer", "InternetGatewayAttachment"),
            *((name, "IngestMethod") for name in of_type(environment, "ApiGateway::Deployment")),
            *(
                (name, "InternetGatewayAttachment")
                for name in of_type(environment, "EC2::NatGateway")
            ),
        ]
        for later, earlier in needed:
            assert earlier in waits_for(environment, later), (later, earlier)


def test_failure_8_needless_depends_on(template):
    """There is no DependsOn where a reference implies the order."""
    for name, resource in template["Resources"].items():
        if "DependsOn" in resource:
            without = {key: value for key, value in resource.items() if key != "DependsOn"}
            implied = waits_for({"Resources": template["Resources"] | {name: without}}, name)
            assert not implied & set(explicit_dependencies(resource)), name


def test_failure_9_aws_services_through_the_nat_gateway(environments):
    """Private DNS and the S3 routes lead to endpoints that the containers can reach."""
    for environment in environments.values():
        endpoints = of_type(environment, "EC2::VPCEndpoint").values()
        found = {endpoint["ServiceName"].partition("ap-northeast-1.")[2] for endpoint in endpoints}
        assert found == AWS_SERVICES_OF_A_TASK
        for endpoint in endpoints:
            assert endpoint.get("PrivateDnsEnabled") or len(endpoint["RouteTableIds"]) == 2
        https = Ports("tcp", 443, 443)
        assert flows(environment["Resources"]) >= {
            Flow("Service", "EcrApiEndpoint", https),
            Flow("Service", ANYWHERE, https),
        }


@pytest.mark.parametrize("part", OUTPUTS)
def test_failure_10_incomplete_outputs(environments, part):
    """Every value that an integration test needs is an output."""
    assert environments["most"]["Outputs"].keys() >= {*OUTPUTS[part].split()}


def test_failure_11_name_that_aws_refuses(template):
    """A suffix with capitals, which ECR refuses in a name, does not match the pattern."""
    pattern = template["Parameters"]["EnvironmentSuffix"]["AllowedPattern"]
    assert not re.search(pattern, "PR123")
    name = only(resolve(template, {"EnvironmentSuffix": "pr123"}), "ECR::Repository")
    assert re.fullmatch(
        "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*", name["RepositoryName"]
    )


def test_failure_12_no_elastic_ip_available(environments):
    """The environment of a pull request needs no Elastic IP."""
    needed = {name: len(of_type(found, "EC2::EIP")) for name, found in environments.items()}
    assert needed["pr"] == 0
    assert needed["dev"] == needed["staging"] == 1
    assert needed["prod"] == 2
