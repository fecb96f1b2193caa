"""Running checks, merging CloudFormation's findings, and the commands that run the checks."""

import json
import shlex
from threading import Barrier

import pytest

from checkout import CERTIFICATE, PARAMETER_FILES, REGION
from deploying import BUCKET, log_group, small_template, stack_of
from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.preflight.check_registry import CHECKS
from iot_pipeline_cfn.deploy.preflight.checking import (
    aws_command,
    merge_validations,
    run_checks,
)
from iot_pipeline_cfn.template.findings import Finding, Severity
from preflights import (
    NOWHERE,
    ZONES,
    added,
    change,
    context_of,
    modified,
    resource_change,
    run_check,
    stubbed,
)
from quota_consumers import ENVIRONMENT_TAG, NEEDED, elastic_ip

FIRST_CALLS = {
    "allocated-address": ("NatGateway1", "ec2", "describe_addresses"),
    "api-gateway-account": ("ApiStage", "apigateway", "get_account"),
    "cache-nodes": ("Cache", "elasticache", "describe_cache_clusters"),
    "cache-orderable": ("Cache", "elasticache", "describe_cache_engine_versions"),
    "certificate": ("HttpsListener", "acm", "describe_certificate"),
    "database-orderable": ("Database", "rds", "describe_orderable_db_instance_options"),
    "db-instances": ("Database", "rds", "describe_db_instances"),
    "db-parameter-groups": ("DatabaseParameterGroup", "rds", "describe_db_parameter_groups"),
    "elastic-ips": ("NatElasticIp1", "ec2", "describe_addresses"),
    "fargate-vcpu": ("Service", "cloudwatch", "get_metric_statistics"),
    "iam-roles": ("TaskRole", "iam", "list_roles"),
    "image": ("Service", "ecr", "batch_get_image"),
    "interface-endpoints": ("LogsEndpoint", "ec2", "describe_vpcs"),
    "internet-gateways": ("InternetGateway", "ec2", "describe_internet_gateways"),
    "load-balancers": ("LoadBalancer", "elbv2", "describe_load_balancers"),
    "name-taken": ("ContainerLogGroup", "logs", "describe_log_groups"),
    "nat-gateways": ("NatGateway1", "ec2", "describe_nat_gateways"),
    "permissions": ("Vpc", "sts", "get_caller_identity"),
    "rest-apis": ("RestApi", "apigateway", "get_rest_apis"),
    "security-groups": ("ContainerSecurityGroup", "ec2", "describe_security_groups"),
    "service-linked-roles": ("Cluster", "iam", "list_roles"),
    "target-groups": ("TargetGroup", "cloudformation", "describe_stacks"),
    "usage-plans": ("UsagePlan", "apigateway", "get_usage_plans"),
    "vpcs": ("Vpc", "ec2", "describe_vpcs"),
    "zones": ("PublicSubnet1", "ec2", "describe_availability_zones"),
}
"""The resource that makes a check necessary, and the first call of the check."""

GIVEN = CERTIFICATE | {
    "ApiAccessLogs": "enabled",
    "ImageTag": "v1",
    "NatElasticIpAllocationId": "eipalloc-0",
    "Network": "shared-network",
}


@pytest.mark.parametrize("code", FIRST_CALLS)
@pytest.mark.parametrize("error", ["AccessDenied", "UnauthorizedOperation", "RequestLimitExceeded"])
def test_failing_check_is_a_note(code, error):
    logical_id, service, call = FIRST_CALLS[code]
    connection = stubbed(**{service: [(call, error)]})
    (finding,) = run_check(code, connection, added(logical_id), **GIVEN)
    assert (finding.code, finding.severity) == (code, Severity.NOTE)
    assert finding.details["problem"] == "not-checked"
    assert finding.details["reason"]


@pytest.mark.parametrize("code", FIRST_CALLS)
def test_check_that_only_aws_can_answer_is_silent_on_the_emulator(code):
    logical_id, service, call = FIRST_CALLS[code]
    connection = stubbed(**{service: [(call, "NotAvailableInEmulator")]})
    assert run_check(code, connection, added(logical_id), **GIVEN) == []


def test_unexpected_answer_is_a_note():
    """Findings from before it are kept."""

    def check(_):
        yield Finding("any", Severity.WARNING)
        raise KeyError("ZoneId")

    found = run_checks({"any": check}, context_of(None, []))
    assert [(each.code, each.severity) for each in found] == [
        ("any", Severity.WARNING),
        ("any", Severity.NOTE),
    ]
    assert found[1].details["reason"] == "KeyError('ZoneId')"


def test_unaffected_check_makes_no_client():
    logical_ids = {logical_id for logical_id, _, _ in FIRST_CALLS.values()} - {"Service"}
    changes = [resource_change("Modify", "Queue", "AWS::SQS::Queue"), *map(modified, logical_ids)]
    changes += [change(logical_id, "Remove") for logical_id in logical_ids]
    connection = stubbed()
    assert run_checks(CHECKS, context_of(connection, changes, **GIVEN)) == []
    assert not connection.clients


def test_checks_run_at_once():
    """Each waits until all have begun."""
    begun = Barrier(len(CHECKS), timeout=10)

    def check(_):
        begun.wait()
        return [Finding("any", Severity.NOTE)]

    found = run_checks(dict.fromkeys(CHECKS, check), context_of(None, []))
    assert len(found) == len(CHECKS)


def test_fact_of_cloudformation_and_of_a_check_is_one_finding():
    path = "/Resources/NatElasticIp1/Properties"
    same = ValidationFinding("SERVICE_QUOTA_EXCEEDED", path, "5 of 5", fails=False)
    others = [
        ValidationFinding("ServiceQuotas", "/Resources/NatElasticIp10", "too many", fails=False),
        ValidationFinding("ECR_DELETE_READINESS", path, "not empty", fails=False),
    ]
    ours = [
        Finding(code, Severity.ERROR, details={"logical_ids": ["NatElasticIp1"]})
        for code in ("elastic-ips", "zones")
    ]
    merged = merge_validations([same, *others], ours)
    assert [(each.code, each.subject) for each in merged] == [
        ("early-validation", "NatElasticIp10"),
        ("early-validation", "NatElasticIp1"),
        ("elastic-ips", ""),
        ("zones", ""),
    ]
    (facts,) = merged[2].details["validations"]
    assert facts == {"name": same.name, "path": path, "reason": "5 of 5"}
    assert "validations" not in merged[3].details


def test_replacement_is_created():
    changes = [
        change("NatElasticIp1", "Modify", "True"),
        change("NatElasticIp2", "Modify", "False"),
        change("NatElasticIp2", "Remove"),
    ]
    assert context_of(NOWHERE, changes).created("AWS::EC2::EIP") == ["NatElasticIp1"]


def test_resource_that_is_not_in_the_template_has_no_properties():
    """A resource whose condition is unknown is one."""
    kind = "AWS::RDS::DBInstance"
    other = resource_change("Modify", "Other", kind, "True")
    context = context_of(NOWHERE, [other, modified("Database", "Engine")])
    assert list(context.changed(kind, "Engine")) == ["Database"]


@pytest.mark.parametrize("name", ["pr 1", "it's", "a;b", "pr1"])
def test_command_quotes_the_environment_for_the_shell(name):
    words = shlex.split(Operations(Environment(name, name), NOWHERE).command("destroy"))
    assert words[1:] == ["destroy", name, "--region", REGION]


def test_command_for_the_emulator_has_its_endpoint_and_credentials():
    local = Connection(None, REGION, Target.LOCAL, "http://127.0.0.1:1")
    assert aws_command(local, "logs", "describe-log-groups") == [
        *("env", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"),
        *("aws", "logs", "describe-log-groups", "--region", REGION),
        *("--endpoint-url", "http://127.0.0.1:1"),
    ]


def test_every_check_has_a_case():
    assert FIRST_CALLS.keys() | {"names", "deletion-protection", "interruption"} == CHECKS.keys()
    assert NEEDED.keys() <= CHECKS.keys()


def findings_of(project, verb, name, *options):
    """Run a command and return its exit code and findings."""
    done = project.run(verb, name, *BUCKET, *options, "--json")
    return done.status, done.documents[-1]["findings"]


def use_addresses(aws, count):
    """Let environments of pull requests have Elastic IPs."""
    address = {"NatElasticIp1": {"Type": "AWS::EC2::EIP", "Properties": {}}}
    durability = {"Durability": {"Type": "String", "Default": "ephemeral"}}
    for number in range(count):
        aws("cloudformation").create_stack(
            StackName=f"iot-pipeline-pr{number}",
            TemplateBody=json.dumps({"Parameters": durability, "Resources": address}),
            Tags=[{"Key": ENVIRONMENT_TAG, "Value": f"pr{number}"}],
        )


def test_exhausted_quota_stops_a_deployment_before_it_creates_anything(project, aws):
    project.write_committed("dev")
    use_addresses(aws, 3)
    idle = [elastic_ip(aws) for _ in range(2)]
    status, found = findings_of(project, "preflight", "dev")
    (finding,) = [each for each in found if each["severity"] == "error"]
    assert (status, finding["code"]) == (8, "elastic-ips")
    consumers = finding["details"]["consumers"]
    assert {each["resource"] for each in consumers} == {"NatElasticIp1", *idle}
    assert {each["action"] for each in finding["remediations"]} == {
        *("set-parameter", "destroy-environment", "raise-quota")
    }
    assert project.deploy("dev").status == 8
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert "iot-pipeline-dev" not in {stack["StackName"] for stack in stacks}
    assert len(aws("ec2").describe_vpcs()["Vpcs"]) == 1
    assert project.deploy("dev", "--parameter", "NatGateways=none").status == 0
    assert stack_of(aws, "dev")["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("verb", ["preflight", "plan"])
def test_command_fails_with_errors_and_not_with_ignored_ones(project, aws, verb):
    project.write(small_template({"NatElasticIp1": {"Type": "AWS::EC2::EIP", "Properties": {}}}))
    use_addresses(aws, 5)
    status, (finding,) = findings_of(project, verb, "pr9")
    assert (status, finding["code"], finding["severity"]) == (8, "elastic-ips", "error")
    assert finding["details"]["logical_ids"] == ["NatElasticIp1"]
    status, (finding,) = findings_of(project, verb, "pr9", "--ignore", "elastic-ips")
    assert (status, finding["severity"]) == (0, "warning")
    assert project.run(verb, "pr9", *BUCKET, "--ignore", "nonsense").status == 2
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert "iot-pipeline-pr9" not in {stack["StackName"] for stack in stacks}


def test_option_that_ignores_several_findings_is_printed_once(project, aws):
    project.write(small_template({"A": log_group("/a"), "B": log_group("/b")}))
    for name in ("/a", "/b"):
        aws("logs").create_log_group(logGroupName=name)
    done = project.run("preflight", "pr1", "--json")
    assert [each["code"] for each in done.document["findings"]] == ["name-taken"] * 2
    assert (done.code, done.details) == ("preflight", {"codes": ["name-taken"]})


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_checks_pass_in_an_empty_account(project, path):
    project.write_committed(path.stem)
    assert findings_of(project, "preflight", path.stem) == (0, [])


def test_emulator_is_silent_about_what_only_aws_knows(project):
    project.write_committed("prod")
    given = CERTIFICATE | ZONES | {"ApiAccessLogs": "enabled", "ImageTag": "v1"}
    options = [f"--parameter={name}={value}" for name, value in given.items()]
    status, found = findings_of(project, "preflight", "prod", *options)
    assert (status, [each["code"] for each in found]) == (0, ["image"])
