"""Resource types of EC2 that the emulator adds."""

import pytest

from checkout import ENVIRONMENTS
from emulated import (
    STACK_TAGS,
    created,
    outputs,
    parameters_of,
    reasons,
    settled,
    small,
    tags,
)
from iot_pipeline_cfn.rehearsal.leftovers import list_resources


def test_network_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    ec2 = aws("ec2")
    addresses = ec2.describe_addresses()["Addresses"]
    gateways = ec2.describe_nat_gateways()["NatGateways"]
    (flow_log,) = ec2.describe_flow_logs()["FlowLogs"]
    assert len(addresses) == len(gateways) == 2
    assert all(address["AssociationId"] for address in addresses)
    assert {each["NatGatewayId"] for each in gateways} == {
        outputs(stack)[f"NatGateway{number}Id"] for number in (1, 2)
    }
    assert flow_log["ResourceId"] == outputs(stack)["VpcId"]
    assert flow_log["LogDestination"] == outputs(stack)["FlowLogGroupName"]
    for resource in (*addresses, *gateways, flow_log):
        assert tags(resource).keys() >= set(STACK_TAGS)


def test_egress_rule_of_its_own_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["dev"])
    ids = outputs(stack)
    (group,) = aws("ec2").describe_security_groups(GroupIds=[ids["LoadBalancerSecurityGroupId"]])[
        "SecurityGroups"
    ]
    assert {
        (rule["FromPort"], pair["GroupId"], pair["Description"])
        for rule in group["IpPermissionsEgress"]
        for pair in rule["UserIdGroupPairs"]
    } == {(8080, ids["ContainerSecurityGroupId"], "Requests and health checks to the containers")}


def test_missing_address_fails_the_stack(aws, deploy):
    before = list_resources(aws)
    stack = deploy(
        ENVIRONMENTS["small"]
        | {
            "NatGateways": "single",
            "NatElasticIpAllocationId": "eipalloc-0123456789abcdef0",
        }
    )
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = reasons(aws("cloudformation"), stack)["NatGateway1"]
    assert "The allocation ID 'eipalloc-0123456789abcdef0' does not exist" in reason
    assert list_resources(aws) == before


def test_address_in_use_fails_the_stack(aws, deploy):
    given = parameters_of("most", aws)
    subnet = aws("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    cloudformation = aws("cloudformation")
    gateway = {"AllocationId": given["NatElasticIpAllocationId"], "SubnetId": subnet}
    assert created(cloudformation, Any=("AWS::EC2::NatGateway", gateway)) == {}
    stack = deploy(given)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "is already associated" in reasons(cloudformation, stack)["NatGateway1"]


def test_another_address_replaces_the_nat_gateway(aws, deploy):
    old, new = (parameters_of("most", aws)["NatElasticIpAllocationId"] for _ in range(2))
    given = ENVIRONMENTS["small"] | {"NatGateways": "single"}
    before = outputs(deploy(given | {"NatElasticIpAllocationId": old}))["NatGateway1Id"]
    after = outputs(deploy(given | {"NatElasticIpAllocationId": new}, "UPDATE"))["NatGateway1Id"]
    described = aws("ec2").describe_nat_gateways()["NatGateways"]
    assert {each["NatGatewayId"]: each["State"] for each in described} == {
        before: "deleted",
        after: "available",
    }
    used = {
        address["AllocationId"]
        for address in aws("ec2").describe_addresses()["Addresses"]
        if "AssociationId" in address
    }
    assert used == {new}


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
        ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
    ],
)
def test_duplicate_and_orphaned_rules_fail(aws, kind, other):
    groups = aws("ec2").describe_security_groups()["SecurityGroups"]
    rule = {
        "GroupId": groups[0]["GroupId"],
        other: groups[0]["GroupId"],
        "FromPort": 1,
        "IpProtocol": "tcp",
        "ToPort": 1,
    }
    cloudformation = aws("cloudformation")
    failed = created(cloudformation, Any=(kind, rule), Same=(kind, rule))
    assert "already exists" in failed["Same"]
    failed = created(cloudformation, Any=(kind, rule | {"GroupId": "sg-0123456789abcdef0"}))
    assert "The security group 'sg-0123456789abcdef0' does not exist" in failed["Any"]


@pytest.mark.parametrize(
    ("kind", "side"),
    [
        ("AWS::EC2::SecurityGroupEgress", "IpPermissionsEgress"),
        ("AWS::EC2::SecurityGroupIngress", "IpPermissions"),
    ],
)
def test_description_of_a_rule_changes_in_place(aws, kind, side):
    (group,) = aws("ec2").describe_security_groups()["SecurityGroups"]
    rule = {"GroupId": group["GroupId"], "CidrIp": "10.0.0.0/8", "IpProtocol": "-1"}
    cloudformation = aws("cloudformation")
    created(cloudformation, Any=(kind, rule | {"Description": "Old"}))
    cloudformation.update_stack(
        StackName="small", TemplateBody=small(Any=(kind, rule | {"Description": "New"}))
    )
    assert settled(cloudformation, "small")["StackStatus"] == "UPDATE_COMPLETE"
    (group,) = aws("ec2").describe_security_groups()["SecurityGroups"]
    described = [
        block["Description"]
        for each in group[side]
        for block in each["IpRanges"]
        if "Description" in block
    ]
    assert described == ["New"]
