"""What is known before a deployment: each check where it passes, finds, and cannot be made."""

import json
import re

import boto3
import pytest
from botocore.stub import Stubber

from conftest import PARAMETER_FILES, REGION, ROOT
from deploying import BUCKET, made_up_session, small_template, stack_of
from iot_pipeline_cfn.deploy.changes import Change
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from iot_pipeline_cfn.deploy.preflight.checks import CHECKS

ZONES = {"AvailabilityZone1": "ap-northeast-1a", "AvailabilityZone2": "ap-northeast-1c"}


def changes(*types, action="Add", replacement=""):
    """Return changes to resources called as in the template: NatGateway1, NatGateway2, ..."""
    made = []
    for number, kind in enumerate(types, 1):
        name = kind.rpartition("::")[2]
        made.append(Change(action, f"{name}{number}", kind, replacement, "", []))
    return made


@pytest.fixture
def check(emulator, aws):
    """A function that makes one check of changes, on the embedded AWS."""

    def check(code, *types, ignored=(), **parameters):
        session = boto3.Session(
            aws_access_key_id=aws.account,
            aws_secret_access_key="made-up",
            region_name="ap-northeast-1",
        )
        connection = Connection(session, "ap-northeast-1", Target.LOCAL, emulator.endpoint_url)
        subject = Subject("dev", connection, {}, ZONES | parameters, changes(*types))
        return run({code: CHECKS[code]}, subject, ignored)

    return check


def vpc(aws):
    return aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def address(aws):
    return aws("ec2").allocate_address(Domain="vpc")["AllocationId"]


def internet_gateway(aws):
    return aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]


def nat_gateway(aws):
    ec2 = aws("ec2")
    subnet = ec2.create_subnet(
        VpcId=vpc(aws), CidrBlock="10.0.1.0/24", AvailabilityZone="ap-northeast-1a"
    )["Subnet"]["SubnetId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address(aws))
    return made["NatGateway"]["NatGatewayId"]


@pytest.fixture
def service_quotas(monkeypatch):
    """A function that gives the emulator a Service Quotas, and returns what its answers go to."""

    def give():
        client = made_up_session(REGION).client("service-quotas")
        stubber = Stubber(client)
        stubber.activate()
        monkeypatch.setattr(Connection, "service_quotas", client, raising=False)
        return stubber

    return give


QUOTAS = {
    "elastic-ips": ("AWS::EC2::EIP", address),
    "internet-gateways": ("AWS::EC2::InternetGateway", internet_gateway),
    "nat-gateways": ("AWS::EC2::NatGateway", nat_gateway),
    "vpcs": ("AWS::EC2::VPC", vpc),
}


@pytest.mark.parametrize("code", QUOTAS)
def test_quota_is_enough_until_it_is_used_up(check, aws, code):
    """The fifth is still there, the sixth is not, and who holds them is named."""
    kind, make = QUOTAS[code]
    while not (found := check(code, kind)):
        made = make(aws)
    (finding,) = found
    assert (code, finding.severity) == (code, Severity.ERROR)
    assert "needs 1 " in finding.message
    assert "5 of 5 (AWS's default) in use" in finding.message
    assert made in finding.message
    assert check(code) == []
    assert check(code, "AWS::SNS::Topic") == []
    assert check(code, kind, ignored=[code])[0].severity is Severity.WARNING


@pytest.mark.parametrize("code", QUOTAS)
def test_quota_of_the_account_goes_before_the_default(check, aws, code, service_quotas):
    """It is asked for where the default is not enough."""
    kind, make = QUOTAS[code]
    while not check(code, kind):
        make(aws)
    answers = service_quotas()
    answers.add_response("get_service_quota", {"Quota": {"Value": 6.0}})
    assert check(code, kind) == []
    answers.add_response("get_service_quota", {"Quota": {"Value": 5.0}})
    assert "5 of 5 in use" in check(code, kind)[0].message


@pytest.mark.parametrize("code", QUOTAS)
def test_quota_that_is_only_assumed_stops_nothing(check, aws, code):
    """More in use than AWS's default shows that the account has another."""
    kind, make = QUOTAS[code]
    while not (found := check(code, kind)) or found[0].severity is Severity.ERROR:
        make(aws)
    assert "6 of 5 (AWS's default)" in found[0].message


def test_quota_of_a_server_that_knows_quotas(moto):
    """Of moto, which has AWS's defaults for some services, and a VPC to begin with."""
    subject = Subject("dev", moto, {}, ZONES, changes("AWS::EC2::VPC"))
    while not (found := run({"vpcs": CHECKS["vpcs"]}, subject)):
        moto.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert "5 of 5 in use" in found[0].message


def test_quota_that_must_not_be_read_stops_nothing(check, aws, service_quotas):
    """And the finding says that it is assumed."""
    while not check("vpcs", "AWS::EC2::VPC"):
        vpc(aws)
    service_quotas().add_client_error("get_service_quota", "AccessDeniedException")
    (finding,) = check("vpcs", "AWS::EC2::VPC")
    assert finding.severity is Severity.WARNING
    assert "the account's own quota cannot be read" in finding.message


def test_regional_nat_gateway_stands_in_no_zone():
    """It has no subnet."""
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    stubber = Stubber(connection.ec2)
    stubber.add_response("describe_nat_gateways", {"NatGateways": [{"NatGatewayId": "nat-1"}]})
    stubber.activate()
    subject = Subject("dev", connection, {}, ZONES, changes("AWS::EC2::NatGateway"))
    assert run({"nat-gateways": CHECKS["nat-gateways"]}, subject) == []


def test_nat_gateways_are_counted_by_zone(check, aws):
    """What stands in the other zone holds nothing of this one."""
    for _ in range(5):
        nat_gateway(aws)
    (finding,) = check("nat-gateways", "AWS::EC2::NatGateway", "AWS::EC2::NatGateway")
    assert "all in ap-northeast-1a" in finding.message


def used_address(aws):
    """Return an address that the NAT gateway of an environment has."""
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24"},
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {}},
        "Gateway": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "SubnetId": {"Ref": "Subnet"},
                "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
            },
        },
    }
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-pr1", TemplateBody=json.dumps({"Resources": resources})
    )
    while True:
        for each in aws("ec2").describe_addresses()["Addresses"]:
            if "AssociationId" in each:
                return each["AllocationId"]


def test_address_that_is_given_must_be_free(check, aws):
    """It exists, and nothing uses it."""
    free = address(aws)
    nat = "AWS::EC2::NatGateway"

    def found(given):
        return check("allocated-address", nat, NatElasticIpAllocationId=given)

    assert found(free) == []
    assert found("") == []
    assert check("allocated-address", NatElasticIpAllocationId="eipalloc-0") == []
    (missing,) = found("eipalloc-0123456789abcdef0")
    assert "does not exist in ap-northeast-1" in missing.message
    (taken,) = found(used_address(aws))
    assert "is in use by iot-pipeline-pr1" in taken.message
    assert (missing.severity, taken.severity) == (Severity.ERROR, Severity.ERROR)


def test_zones_must_be_there(check):
    """The finding names those that are."""
    assert check("zones", "AWS::EC2::Subnet") == []
    assert check("zones", AvailabilityZone1="ap-northeast-1z") == []
    (finding,) = check("zones", "AWS::EC2::Subnet", AvailabilityZone1="ap-northeast-1z")
    assert "AvailabilityZone1: ap-northeast-1z is not available" in finding.message
    assert "ap-northeast-1a" in finding.message


CALLS = {
    "allocated-address": "describe_addresses",
    "elastic-ips": "describe_addresses",
    "internet-gateways": "describe_internet_gateways",
    "nat-gateways": "describe_nat_gateways",
    "vpcs": "describe_vpcs",
    "zones": "describe_availability_zones",
}


@pytest.mark.parametrize("code", CALLS)
@pytest.mark.parametrize("problem", ["UnauthorizedOperation", "RequestLimitExceeded"])
def test_check_that_cannot_be_made_blocks_nothing(code, problem):
    """That is worth a note, with the reason."""
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    stubber = Stubber(connection.ec2)
    stubber.add_client_error(CALLS[code], problem)
    stubber.activate()
    every = [kind for kind, _ in QUOTAS.values()] + ["AWS::EC2::Subnet"]
    given = ZONES | {"NatElasticIpAllocationId": "eipalloc-0"}
    (finding,) = run({code: CHECKS[code]}, Subject("dev", connection, {}, given, changes(*every)))
    assert (finding.code, finding.severity) == (code, Severity.NOTE)
    assert "could not be checked" in finding.message


def test_replacement_needs_what_an_addition_needs():
    """It is made before what it replaces goes; a change in place and a removal need nothing."""
    made = [
        *changes("AWS::EC2::EIP", action="Modify", replacement="True"),
        *changes("AWS::EC2::EIP", action="Modify", replacement="False"),
        *changes("AWS::EC2::EIP", action="Remove"),
    ]
    assert len(Subject("dev", None, {}, {}, made).new("AWS::EC2::EIP")) == 1


def hold_addresses(aws, count):
    """Let environments of pull requests hold Elastic IPs."""
    for number in range(count):
        aws("cloudformation").create_stack(
            StackName=f"iot-pipeline-pr{number}",
            TemplateBody=json.dumps(
                {"Resources": {"NatElasticIp1": {"Type": "AWS::EC2::EIP", "Properties": {}}}}
            ),
            Tags=[{"Key": "iot-pipeline:environment", "Value": f"pr{number}"}],
        )


def test_what_blocked_the_first_deployment_is_told_before_it(project, aws):
    """Five Elastic IPs are held by others: nothing is created, and without NAT gateway it goes."""
    template = (ROOT / "templates/iot-pipeline.json").read_text()
    project.write(template, dev=json.loads((ROOT / "parameters/dev.json").read_text()))
    hold_addresses(aws, 3)
    free = [address(aws) for _ in range(2)]
    done = project.deploy("dev")
    assert done.status == 8
    finding = next(line for line in done.err.splitlines() if line.startswith("error elastic-ips"))
    assert "needs 1 Elastic IP; 5 of 5 (AWS's default) in use: " in finding
    assert "iot-pipeline-pr2 (NatElasticIp1)" in finding
    for way in ("NatGateways=none", f"NatElasticIpAllocationId={free[0]}", "destroy pr0"):
        assert way in finding
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert "iot-pipeline-dev" not in {stack["StackName"] for stack in stacks}
    assert len(aws("ec2").describe_vpcs()["Vpcs"]) == 1
    assert project.deploy("dev", "--parameter", "NatGateways=none").status == 0
    assert stack_of(aws, "dev")["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("verb", ["preflight", "plan"])
def test_checks_run_by_themselves_and_change_nothing(project, aws, verb):
    """The exit code is theirs; what is ignored is a warning."""
    holder = {"NatElasticIp1": {"Type": "AWS::EC2::EIP", "Properties": {}}}
    project.write(small_template(holder))
    hold_addresses(aws, 5)
    done = project.run(verb, "pr9", *BUCKET)
    assert done.status == 8
    assert "--ignore elastic-ips" in done.last_line
    done = project.run(verb, "pr9", *BUCKET, "--ignore", "elastic-ips")
    assert done.status == 0
    assert "warning elastic-ips: needs 1 Elastic IP" in done.out + done.err
    printed = project.run(verb, "pr9", *BUCKET, "--json").out.splitlines()
    (finding,) = json.loads(printed[-1])["findings"]
    assert (finding["code"], finding["severity"]) == ("elastic-ips", "error")
    wrong = project.run(verb, "pr9", *BUCKET, "--ignore", "nonsense")
    assert (wrong.status, "elastic-ips" in wrong.err) == (2, True)
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert "iot-pipeline-pr9" not in {stack["StackName"] for stack in stacks}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_nothing_stands_in_the_way_in_an_empty_account(project, path):
    """Of any kind of environment."""
    template = (ROOT / "templates/iot-pipeline.json").read_text()
    project.write(template, **{path.stem: json.loads(path.read_text())})
    done = project.run("preflight", path.stem, *BUCKET)
    assert (done.status, done.out) == (0, "")
    assert "nothing stands in the way" in done.err


def test_every_code_is_documented():
    """What it means, and what to do."""
    text = (ROOT / "docs/preflight.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == sorted(CHECKS)


PROTECTED = {"Durability": "protected", "DeletionProtection": "enabled"}
LOGS = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/first"}}


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_data_of_a_protected_environment_is_guarded(project, aws, change):
    """Unless the resource is named; the property that causes it is."""
    project.write(small_template({"Logs": LOGS}), prod={"Parameters": PROTECTED})
    project.deploy("prod")
    other = LOGS | {"Properties": {"LogGroupName": "/second"}}
    resources = {} if change == "removed" else {"Logs": other}
    project.write(small_template(resources), prod={"Parameters": PROTECTED})
    done = project.deploy("prod")
    assert done.status == 1
    assert f"{change}, and what it holds is lost" in done.err
    assert ("because of LogGroupName" in done.err) is (change == "replaced")
    assert done.last_line.endswith("--allow-replacement Logs")
    assert len(aws("logs").describe_log_groups()["logGroups"]) == 1
    assert project.deploy("prod", "--allow-replacement", "Logs").status == 0


def test_data_of_an_ephemeral_environment_is_only_warned_of(project):
    """It is made to be thrown away."""
    project.write(small_template({"Logs": LOGS}))
    project.deploy("pr1")
    project.write(small_template())
    done = project.deploy("pr1")
    assert done.status == 0
    assert "! Logs is removed, and what it holds is lost" in done.err
