"""The shared network of environments: creating it, its slots, and its users."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import ROOT
from deployed.reachability import Destination, Network
from deploying import BUCKET, parameters_of, stack_of
from iot_pipeline_cfn.deploy import network_use
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.network_use import free_slot, lost_slot
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.deploy.service_layer import Consent, deploy
from iot_pipeline_cfn.stack.naming import SUFFIX_PATTERN
from iot_pipeline_cfn.template.parameters import SLOTS


@settings(max_examples=30)
@given(st.sets(st.from_regex(SUFFIX_PATTERN, fullmatch=True), max_size=SLOTS))
def test_environments_have_slots_of_their_own(suffixes):
    taken = set()
    for suffix in suffixes:
        slot = free_slot(suffix, taken)
        assert slot in {*range(1, SLOTS + 1)} - taken
        taken.add(slot)


@pytest.mark.parametrize(
    ("suffix", "taken", "slot"),
    [
        ("pr1", (), 1),
        ("pr-77", (), 77),
        ("pr96", {1, 2}, 3),
        ("pr95", {95}, 1),
        ("pr5", range(1, 96), None),
    ],
)
def test_slot_is_that_of_the_pull_request_or_the_next_free_one(suffix, taken, slot):
    assert free_slot(suffix, taken) == slot


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        ("Priority '7' is currently in use (Service: ElasticLoadBalancingV2)", True),
        (
            'Resource handler returned message: "Resource of type '
            "'AWS::ElasticLoadBalancingV2::ListenerRule' with identifier 'Priority in use' "
            'already exists." (HandlerErrorCode: AlreadyExists)',
            True,
        ),
        ("A rule cannot have this priority", False),
        ("'AWS::ECR::Repository' with identifier 'any' already exists", False),
    ],
)
def test_refused_priority_is_a_lost_slot(reason, lost):
    assert lost_slot(DeploymentError("failed", cause={"reason": reason})) is lost


def test_network_is_needed_created_used_and_deleted(project, aws):
    """The environments pr1 and pr96 have the same first choice of a slot."""
    project.write_shared()
    refused = project.deploy("pr1")
    assert refused.code == "network-needed"
    assert refused.details["command"].split()[1:3] == ["deploy", "shared-network"]
    assert project.run("plan", "pr1", *BUCKET).code == "network-needed"
    first = project.deploy("pr1", "--with-network")
    assert (first.status, first.notices) == (0, ["creating-network"]), first.err
    assert project.deploy("pr96").status == 0
    assert project.deploy("pr1").status == 0
    slots = [parameters_of(aws, suffix)["NetworkSlot"] for suffix in ("pr1", "pr96")]
    assert slots == ["1", "2"]
    moved = project.deploy("pr1", "--parameter=Network=other")
    assert (moved.code, moved.details["parameter"]) == ("fixed-parameter", "Network")
    used = project.run("destroy", "shared-network", "--yes")
    assert used.code == "in-use"
    assert used.details["stacks"] == ["iot-pipeline-pr1", "iot-pipeline-pr96"]
    for name in ("pr1", "pr96", "shared-network"):
        done = project.run("destroy", name, "--yes")
        assert done.status == 0, done.err
    assert all(vpc["IsDefault"] for vpc in aws("ec2").describe_vpcs()["Vpcs"])


def test_environments_at_once_have_one_network_and_reach_nothing_of_each_other(
    connect_to, aws, monkeypatch
):
    """All eight find no network, and two have the same first choice of a slot."""
    monkeypatch.chdir(ROOT)
    connection, names = connect_to(), [*(f"pr{number}" for number in range(1, 8)), "pr96"]

    def deployed(name):
        environment, request = load_request(name, None, Path("parameters"))
        return deploy(Operations(environment, connection), request, Consent(yes=True)).stack

    with ThreadPoolExecutor(len(names)) as pool:
        stacks = dict(zip(names, pool.map(deployed, names), strict=True))
    assert len({stack.parameters["NetworkSlot"] for stack in stacks.values()}) == len(names)
    outputs = {
        name: {output.name: output.value for output in stack.outputs}
        for name, stack in stacks.items()
    }
    found = {output["OutputKey"]: output["OutputValue"] for output in outputs_of(aws)}
    ec2 = aws("ec2")
    in_vpc = [{"Name": "vpc-id", "Values": [found["VpcId"]]}]
    (vpc,) = ec2.describe_vpcs(VpcIds=[found["VpcId"]])["Vpcs"]
    network = Network(
        cidr=vpc["CidrBlock"],
        subnets=ec2.describe_subnets(Filters=in_vpc)["Subnets"],
        route_tables=ec2.describe_route_tables(Filters=in_vpc)["RouteTables"],
        security_groups=ec2.describe_security_groups(Filters=in_vpc)["SecurityGroups"],
    )
    subnets = frozenset({found["PrivateSubnet1Id"], found["PrivateSubnet2Id"]})

    def sources(group, port):
        return network.sources(Destination(frozenset({group}), subnets), port)

    containers = {own["ContainerSecurityGroupId"] for own in outputs.values()}
    for own in outputs.values():
        container = own["ContainerSecurityGroupId"]
        assert sources(container, 8080) == {found["LoadBalancerSecurityGroupId"]}
        assert sources(own["DatabaseSecurityGroupId"], 5432) == {container}
        assert sources(own["CacheSecurityGroupId"], 6379) == {container}
        allowed = json.dumps(policies_of(aws, own["ExecutionRoleArn"], own["TaskRoleArn"]))
        for other in outputs.values():
            for secret in ("DatabaseSecretArn", "ApplicationSecretArn", "CacheAuthTokenArn"):
                assert (other[secret] in allowed) is (other is own)
    assert sources(found["LoadBalancerSecurityGroupId"], 80) == {found["VpcLinkSecurityGroupId"]}
    assert containers <= sources(found["EndpointsSecurityGroupId"], 443)


def outputs_of(aws):
    return stack_of(aws, "shared-network")["Outputs"]


def policies_of(aws, *roles):
    """Return the inline policies of roles."""
    iam = aws("iam")
    return [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for name in (arn.rpartition("/")[2] for arn in roles)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]


def test_environment_whose_slot_another_one_takes_meanwhile_gets_the_next(
    project, aws, monkeypatch
):
    """Its creation fails, because the priority is in use, and is tried again."""
    project.write_shared()
    assert project.deploy("shared-network").status == 0
    outputs = {
        each["OutputKey"]: each["OutputValue"]
        for each in stack_of(aws, "shared-network")["Outputs"]
    }
    elbv2 = aws("elbv2")
    elbv2.create_rule(
        ListenerArn=outputs["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/other"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    read = network_use.used_priorities
    stale = [set(), set()]
    monkeypatch.setattr(
        network_use, "used_priorities", lambda *given: stale.pop() if stale else read(*given)
    )
    done = project.deploy("pr1")
    assert (done.status, done.notices) == (0, ["deploying-again"]), done.err
    assert parameters_of(aws)["NetworkSlot"] == "2"
