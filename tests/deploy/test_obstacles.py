"""What keeps the network of an environment from being deleted."""

from threading import Timer

import pytest

from deploying import names_of_stacks, small_template
from iot_pipeline_cfn.deploy import obstacles
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.events import Event
from iot_pipeline_cfn.deploy.obstacles import RESPONSES, clear_obstacles, explain_obstacle
from iot_pipeline_cfn.deploy.operations import Operations
from preflights import stubbed

VPC = {"Ref": "Vpc"}
NETWORK = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "Subnet": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"CidrBlock": "10.0.0.0/24", "VpcId": VPC},
    },
    "Group": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "any", "VpcId": VPC},
    },
}
OUTPUTS = {name: {"Value": {"Ref": name}} for name in NETWORK}
GUARDDUTY = [{"Key": "GuardDutyManaged", "Value": "true"}]


@pytest.fixture
def network(project):
    """The physical IDs of the network of an environment."""
    project.write(small_template(NETWORK, outputs=OUTPUTS))
    assert project.deploy("pr1").status == 0
    return project.run("outputs", "pr1", "--json").document["outputs"]


@pytest.fixture
def ec2(aws):
    return aws("ec2")


def interface(ec2, network):
    made = ec2.create_network_interface(
        SubnetId=network["Subnet"], Groups=[network["Group"]], Description="ELB app/any"
    )
    return made["NetworkInterface"]["NetworkInterfaceId"]


def destroyed(project, aws):
    done = project.run("destroy", "pr1", "--yes", "--json")
    assert done.status == 0, done.err
    assert names_of_stacks(aws) == []
    return done.notices


def test_interfaces_that_a_service_releases_late_are_waited_for(project, aws, ec2, network):
    held = interface(ec2, network)
    ec2.attach_network_interface(NetworkInterfaceId=held, InstanceId="i-1", DeviceIndex=1)
    release = Timer(1, ec2.delete_network_interface, kwargs={"NetworkInterfaceId": held})
    release.start()
    notices = destroyed(project, aws)
    release.join()
    assert notices == ["waiting-for-release", "deleting-again"]


def test_interface_that_nothing_uses_is_deleted(project, aws, ec2, network):
    for _ in range(2):
        interface(ec2, network)
    notices = destroyed(project, aws)
    assert notices.count("obstacle-removed") == 2
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_endpoint_and_group_of_guardduty_are_deleted(project, aws, ec2, network):
    """Those of other VPCs stay."""
    kept = []
    for vpc in (network["Vpc"], ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]):
        name = f"GuardDutyManagedSecurityGroup-{vpc}"
        group = ec2.create_security_group(GroupName=name, Description="any", VpcId=vpc)["GroupId"]
        endpoint = ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName="com.amazonaws.ap-northeast-1.guardduty-data",
            VpcEndpointType="Interface",
            SubnetIds=[network["Subnet"]] if vpc == network["Vpc"] else [],
            TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": GUARDDUTY}],
        )["VpcEndpoint"]["VpcEndpointId"]
        kept = [group, endpoint]
    assert destroyed(project, aws).count("obstacle-removed") == 2
    groups = {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    endpoints = {each["VpcEndpointId"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    assert kept[0] in groups
    assert endpoints == {kept[1]}


def test_rule_of_another_group_is_explained(project, ec2, network):
    """It may be of somebody else, so it stays."""
    other = ec2.create_security_group(GroupName="theirs", Description="any")["GroupId"]
    pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": network["Group"]}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[pair])
    done = project.run("destroy", "pr1", "--yes")
    assert (done.status, done.code) == (5, "deletion-failed")
    (obstacle,) = done.details["obstacles"]
    assert obstacle == {
        "code": "referring-group",
        "id": other,
        "logical_id": "Group",
        "description": "theirs",
    }
    assert done.notices == ["deleting-again"]


def failure(kind, physical_id):
    return Event("1", None, "Held", physical_id, kind, "DELETE_FAILED", "", "", True)


FREE = {
    "NetworkInterfaceId": "eni-1",
    "Status": "available",
    "Groups": [{"GroupId": "sg-1"}],
    "Description": "any",
}


def test_what_must_not_be_removed_ends_the_waiting_and_is_explained():
    answer = {"NetworkInterfaces": [FREE]}
    connection = stubbed(
        ec2=[
            ("describe_network_interfaces", answer),
            *[("describe_security_groups", {"SecurityGroups": []})] * 2,
            ("delete_network_interface", "UnauthorizedOperation"),
            ("describe_network_interfaces", answer),
            *[("describe_security_groups", {"SecurityGroups": []})] * 2,
        ]
    )
    failures = [failure("AWS::EC2::SecurityGroup", "sg-1")]
    operations = Operations(Environment("pr1", "pr1"), connection)
    released, left = clear_obstacles(operations, failures)
    assert (released, [each.id for each in left]) == (False, ["eni-1"])
    assert explain_obstacle(left[0]).startswith("eni-1 (any) holds Held: ")


def test_interface_of_a_service_is_not_deleted(monkeypatch):
    """It is waited for, but not for ever."""
    monkeypatch.setattr(obstacles, "RELEASE_SECONDS", 0.01)
    answer = {"NetworkInterfaces": [FREE | {"RequesterManaged": True}]}
    asked = [
        ("describe_network_interfaces", answer),
        *[("describe_security_groups", {"SecurityGroups": []})] * 2,
    ]
    operations = Operations(Environment("pr1", "pr1"), stubbed(ec2=asked * 2))
    released, left = clear_obstacles(operations, [failure("AWS::EC2::SecurityGroup", "sg-1")])
    assert (released, [each.code for each in left]) == (False, ["interface-in-use"])


def test_every_obstacle_that_is_removed_has_a_way():
    removed = {code for code, row in RESPONSES.items() if row[0] is obstacles.Response.REMOVE}
    assert removed == {"interface-unattached", "guardduty-endpoint", "guardduty-group"}
