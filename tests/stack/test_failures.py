"""The twelve failures of the first version of the system, which must never come back.

The rules of docs/rules.md find some in any template, and the tests here what only this template can
have. The tests of `deploy` cover `ENVIRONMENT_SUFFIX`, the file of outputs and the comparison with
quotas.
"""

import json
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
    explicit_dependencies,
    name_of,
    of_type,
    only,
    resolve,
    waits_for,
)

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


def test_failure_1_rotation_without_a_function(environments):
    """RDS rotates its own secret."""
    for environment in environments.values():
        database = only(environment, "RDS::DBInstance")
        assert database["ManageMasterUserPassword"] is True
        assert "MasterUserPassword" not in database


def test_failure_2_missing_log_group(environments):
    """Every writer of logs besides the containers refers to a log group of the stack."""
    for environment in environments.values():
        written = [
            each["LoggingConfiguration"]["Destinations"]
            for each in of_type(environment, "StepFunctions::StateMachine").values()
        ]
        written += [log["LogGroupName"] for log in of_type(environment, "EC2::FlowLog").values()]
        stage = only(environment, "ApiGateway::Stage")
        written += [log["DestinationArn"] for log in [stage.get("AccessLogSetting")] if log]
        log_groups = of_type(environment, "Logs::LogGroup")
        for log_group in written:
            assert set(references(log_group)) & log_groups.keys()


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


def test_failure_8_order_left_to_chance(environments):
    """Container Insights would create the log group itself, without retention and key."""
    for environment in environments.values():
        assert "ContainerInsightsLogGroup" in waits_for(environment, "Cluster")


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


def test_failure_12_no_elastic_ip_available(environments):
    """The environment of a pull request needs no Elastic IP."""
    needed = {name: len(of_type(found, "EC2::EIP")) for name, found in environments.items()}
    assert needed["small"] == 0
    assert needed["dev"] == needed["staging"] == 1
    assert needed["prod"] == 2
