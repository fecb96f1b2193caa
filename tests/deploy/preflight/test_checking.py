"""What is known before a deployment: each check where it passes, finds, and cannot be made."""

import json
import re
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
from botocore.stub import Stubber

from checkout import PARAMETER_FILES, REGION, ROOT
from deploying import BUCKET, made_up_session, small_template, stack_of
from iot_pipeline_cfn.deploy import preflight
from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight.checking import Finding, Severity, Subject, joined, run
from iot_pipeline_cfn.deploy.preflight.checks import CHECKS
from preflights import CALLS, TEMPLATE, ZONES, address, changes, findings, resource_change


@pytest.fixture
def check(connect_to):
    """A function that makes one check of changes, on the embedded AWS."""
    return partial(findings, connect_to())


def used_address(aws, given=None):
    """Return an address that the NAT gateway of an environment has: its own, or one it is given."""
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
                "AllocationId": given or {"Fn::GetAtt": ["Address", "AllocationId"]},
            },
        },
    }
    if given:
        del resources["Address"]
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
    assert "aws ec2 describe-addresses --region ap-northeast-1" in missing.message
    assert missing.logical_ids == taken.logical_ids == ["NatGateway1"]


def test_environment_that_was_given_an_address_is_named(check, aws):
    """By its gateway, since the address itself says nothing of it."""
    given = used_address(aws, address(aws))
    (taken,) = check("allocated-address", "AWS::EC2::NatGateway", NatElasticIpAllocationId=given)
    assert "is in use by iot-pipeline-pr1; give one that is free" in taken.message


def test_holder_that_cannot_be_looked_for_is_not_named():
    """The address is in use all the same."""
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    stubber = Stubber(connection.ec2)
    used = {"AllocationId": "eipalloc-0", "AssociationId": "a", "NetworkInterfaceId": "eni-0"}
    stubber.add_response("describe_addresses", {"Addresses": [used]})
    stubber.add_client_error("describe_nat_gateways", "UnauthorizedOperation")
    stubber.activate()
    given = {"NatElasticIpAllocationId": "eipalloc-0"}
    (taken,) = findings(connection, "allocated-address", "AWS::EC2::NatGateway", **given)
    assert taken.severity is Severity.ERROR
    assert "is in use by eni-0; give one that is free" in taken.message


def test_address_that_is_given_stays_where_a_second_gateway_is_added(check, aws, template):
    """The first gateway of the environment uses it, and goes on to; the second has its own."""
    given = {"NatGateways": "per-zone", "NatElasticIpAllocationId": used_address(aws)}

    def found(name, action, replacement="False"):
        made = [resource_change(action, name, "AWS::EC2::NatGateway", replacement)]
        return check("allocated-address", made=made, template=template, **given)

    assert found("NatGateway2", "Add") == []
    assert len(found("NatGateway1", "Modify", "True")) == 1


def test_zones_must_be_there(check):
    """The finding names those that are."""
    assert check("zones", "AWS::EC2::Subnet") == []
    assert check("zones", AvailabilityZone1="ap-northeast-1z") == []
    (finding,) = check("zones", "AWS::EC2::Subnet", AvailabilityZone1="ap-northeast-1z")
    assert "AvailabilityZone1: ap-northeast-1z is not available" in finding.message
    assert "ap-northeast-1a" in finding.message


@pytest.mark.parametrize("code", CALLS)
@pytest.mark.parametrize("problem", ["UnauthorizedOperation", "RequestLimitExceeded"])
def test_check_that_cannot_be_made_blocks_nothing(code, problem):
    """That is worth a note, with the reason."""
    kind, service, call = CALLS[code]
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    stubber = Stubber(getattr(connection, service))
    stubber.add_client_error(call, problem)
    stubber.activate()
    given = {"NatElasticIpAllocationId": "eipalloc-0"}
    (finding,) = findings(connection, code, kind, **given)
    assert (finding.code, finding.severity) == (code, Severity.NOTE)
    assert "could not be checked" in finding.message


def test_answer_that_nobody_has_thought_of_blocks_nothing():
    """What was found before it counts all the same."""

    def surprised(_):
        yield Finding("any", Severity.WARNING, "seen")
        _ = {}["ZoneId"]

    found = run({"any": surprised}, Subject("dev", None, {}, {}, []))
    assert [(each.code, each.severity) for each in found] == [
        ("any", Severity.WARNING),
        ("any", Severity.NOTE),
    ]
    assert found[1].message == (
        "could not be checked: what AWS answers is not understood (KeyError('ZoneId'))"
    )


def test_check_of_what_does_not_change_makes_no_call():
    """Nor does one of what goes, or changes in something else."""
    kinds = [kind for kind, _, _ in CALLS.values()]
    made = [*changes("AWS::SQS::Queue"), *changes(*kinds, action="Remove")]
    made += [change for kind in kinds for change in changes(kind, action="Modify")]
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    assert run(CHECKS, Subject("dev", connection, TEMPLATE, ZONES, made)) == []
    # Which AWS it is, the client says with which the change set was made.
    assert connection.clients.keys() <= {"cloudformation"}


def test_checks_run_all_at_once():
    """Together they take as long as the slowest: here, each waits until all have begun."""
    everybody = Barrier(len(CHECKS), timeout=10)

    def waiting(_):
        everybody.wait()
        return [Finding("any", Severity.NOTE, "all have begun")]

    subject = Subject("dev", None, {}, {}, [])
    assert len(run(dict.fromkeys(CHECKS, waiting), subject)) == len(CHECKS)


def test_what_aws_has_found_too_is_told_once():
    """AWS's words come first; what is about something else stays by itself."""
    path = "/Resources/NatElasticIp1/Properties"
    same = ValidationFinding("SERVICE_QUOTA_EXCEEDED", path, "5 of 5", fails=False)
    others = [
        ValidationFinding("ServiceQuotas", "/Resources/NatElasticIp10", "too many", fails=False),
        ValidationFinding("ECR_DELETE_READINESS", path, "not empty", fails=False),
    ]
    finding = Finding("elastic-ips", Severity.ERROR, "needs 1", ["NatElasticIp1"], "QUOTA")
    unlike = Finding("zones", Severity.ERROR, "not there", ["NatElasticIp1"])
    left, told = joined([same, *others], [finding, unlike])
    assert left == others
    assert [str(each) for each in told] == [
        "error elastic-ips: 5 of 5 (SERVICE_QUOTA_EXCEEDED); needs 1",
        "error zones: not there",
    ]


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
    assert f"{free[0]} (not associated)" in finding
    for way in ("NatGateways=none", f"NatElasticIpAllocationId={free[0]}"):
        assert way in finding
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert "iot-pipeline-dev" not in {stack["StackName"] for stack in stacks}
    assert len(aws("ec2").describe_vpcs()["Vpcs"]) == 1
    assert project.deploy("dev", "--parameter", "NatGateways=none").status == 0
    assert stack_of(aws, "dev")["StackStatus"] == "CREATE_COMPLETE"


def test_address_that_is_free_stands_for_one_of_two(check, aws):
    """The second gateway always has one of its own, for which it cannot be given."""
    free = [address(aws) for _ in range(5)]
    two = ["AWS::EC2::EIP"] * 2
    way = f"--parameter NatElasticIpAllocationId={free[0]}"

    def found(made):
        return check("elastic-ips", made=changes(*two, name="NatElasticIp")[made])[0].message

    assert f"an address that nothing uses: {way}" in found(slice(0, 1))
    assert f"an address that nothing uses, for one of them: {way}" in found(slice(0, 2))
    assert "NatElasticIpAllocationId" not in found(slice(1, 2))


@pytest.mark.parametrize("verb", ["preflight", "plan"])
def test_checks_run_by_themselves_and_change_nothing(project, aws, verb):
    """The exit code is theirs; what is ignored is a warning."""
    holder = {"NatElasticIp1": {"Type": "AWS::EC2::EIP", "Properties": {}}}
    project.write(small_template(holder))
    hold_addresses(aws, 5)
    done = project.run(verb, "pr9", *BUCKET)
    assert (done.status, done.details) == (8, {"codes": ["elastic-ips"]})
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
    assert "all preflight checks passed" in done.err


def test_every_code_is_of_one_module():
    """Whose function is the check."""
    there = {path.stem for path in Path(preflight.__path__[0]).glob("*.py")}
    modules = [check.__module__.rpartition(".")[2] for check in CHECKS.values()]
    helpers = {"__init__", "checking", "checks", "commands", "consumption"}
    assert set(modules) == there - helpers
    assert [name.replace("_", "-") for name in modules] == list(CHECKS)


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
    assert f"{change}; its data is lost" in done.err
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
    assert "! Logs is removed; its data is lost" in done.err
