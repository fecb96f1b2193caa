"""What two resources cannot have at the same time."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.rejections import find_identity_conflicts
from iot_pipeline_cfn.template.findings import Severity

PUBLIC = {"HostedZoneId": "Z1", "Name": "a.", "Type": "A"}
RULE = {"GroupId": "g", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"}
FILTER = {"LogGroupName": "g", "FilterPattern": "a"}
EVENTS = {"EventBusName": "b", "StatementId": "s", "Action": "a", "Principal": "1"}
LISTENER = {"LoadBalancerArn": {"Ref": "Other"}, "Port": 443, "Protocol": "HTTPS"}


def resource(kind, properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


# A row: type, properties, and properties with which a second one is possible.
ONLY_ONE = [
    ("ApiGateway::Resource", {"RestApiId": "a", "ParentId": "p", "PathPart": "x"}, "PathPart"),
    ("ApiGatewayV2::Route", {"ApiId": "a", "RouteKey": "GET /"}, "RouteKey"),
    ("EC2::NatGateway", {"AllocationId": {"Ref": "Other"}, "SubnetId": "s"}, "AllocationId"),
    ("EC2::Route", {"RouteTableId": "r", "DestinationCidrBlock": "0.0.0.0/0"}, "RouteTableId"),
    ("EC2::SecurityGroupIngress", RULE, "FromPort"),
    ("EC2::Subnet", {"VpcId": {"Ref": "Other"}, "CidrBlock": "10.0.0.0/24"}, "CidrBlock"),
    ("EFS::MountTarget", {"FileSystemId": "f", "SubnetId": "s"}, "SubnetId"),
    ("ElasticLoadBalancingV2::Listener", LISTENER, "Port"),
    ("ElasticLoadBalancingV2::ListenerRule", {"ListenerArn": "l", "Priority": 1}, "Priority"),
    ("Lambda::EventSourceMapping", {"EventSourceArn": "a", "FunctionName": "f"}, "FunctionName"),
    ("Route53::RecordSet", PUBLIC, "Type"),
    ("Route53::RecordSet", {**PUBLIC, "SetIdentifier": "1"}, "SetIdentifier"),
    ("Events::EventBusPolicy", EVENTS, "StatementId"),
    ("IAM::Role", {"RoleName": "r", "Path": "/"}, "RoleName"),
    ("Logs::MetricFilter", {**FILTER, "FilterName": "f"}, "LogGroupName"),
    ("SQS::Queue", {"QueueName": "q"}, "QueueName"),
    ("WAFv2::IPSet", {"Name": "s", "Scope": "REGIONAL"}, "Scope"),
]


@pytest.mark.parametrize(("kind", "properties", "key"), ONLY_ONE)
def test_renamed_resource_cannot_have_what_the_old_one_still_has(kind, properties, key):
    old, new = ({name: resource(kind, properties)} for name in ("Old", "New"))
    (finding,) = compared(find_identity_conflicts, old, new)
    assert (finding.code, finding.severity) == ("identity-taken", Severity.ERROR)
    assert (finding.subject, finding.details["holder"]) == ("New", "Old")
    free = {"New": resource(kind, {**properties, key: "another"})}
    assert compared(find_identity_conflicts, old, free) == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AutoScaling::ScheduledAction", {"AutoScalingGroupName": "g", "MinSize": 1}),
        ("Batch::JobDefinition", {"JobDefinitionName": "j", "Type": "container"}),
        ("ElasticBeanstalk::ApplicationVersion", {"ApplicationName": "a"}),
        ("ElasticBeanstalk::ConfigurationTemplate", {"ApplicationName": "a"}),
        ("Lambda::Permission", {"FunctionName": "f", "Action": "a", "Principal": "p"}),
        ("Logs::MetricFilter", FILTER),
        ("Route53::HostedZone", {"Name": "example.com"}),
        ("SQS::Queue", {"DelaySeconds": 1}),
    ],
)
def test_name_of_a_parent_or_a_generated_one_is_free(kind, properties):
    old, new = ({name: resource(kind, properties)} for name in ("Old", "New"))
    assert compared(find_identity_conflicts, old, new) == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "code"),
    [
        (
            "EC2::NatGateway",
            {"AllocationId": "e", "SubnetId": "a"},
            {"AllocationId": "e", "SubnetId": "b"},
            "identity-taken",
        ),
        (
            "EC2::SecurityGroup",
            {"GroupName": "g", "VpcId": "a", "GroupDescription": "a"},
            {"GroupName": "g", "VpcId": "a", "GroupDescription": "b"},
            "identity-taken",
        ),
        (
            "EC2::SecurityGroup",
            {"GroupName": "g", "VpcId": "a", "GroupDescription": "a"},
            {"GroupName": "g", "VpcId": "b", "GroupDescription": "a"},
            None,
        ),
        (
            "ECS::Service",
            {"ServiceName": "s", "Cluster": "a"},
            {"ServiceName": "s", "Cluster": "b"},
            None,
        ),
        (
            "Lambda::Permission",
            {"FunctionName": "f", "SourceArn": "a"},
            {"FunctionName": "f", "SourceArn": "b"},
            None,
        ),
    ],
)
def test_replacement_needs_an_identity_of_its_own(kind, before, after, code):
    sides = ({"Any": resource(kind, properties)} for properties in (before, after))
    found = compared(find_identity_conflicts, *sides)
    assert [finding.code for finding in found] == ([code] if code else [])


def test_identity_that_refers_to_a_replaced_resource_is_another_one():
    def network(block):
        subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}
        vpc = resource("EC2::VPC", {"CidrBlock": block})
        return {"Vpc": vpc, "Subnet": resource("EC2::Subnet", subnet)}

    changed = (network("10.0.0.0/16"), network("10.0.0.0/8"))
    assert compared(find_identity_conflicts, *changed) == []


def test_resources_cannot_swap_their_identities():
    blocks = ("10.0.0.0/24", "10.0.1.0/24")
    sides = [
        {
            name: resource("EC2::Subnet", {"VpcId": "v", "CidrBlock": block})
            for name, block in zip("AB", order, strict=True)
        }
        for order in (blocks, blocks[::-1])
    ]
    found = compared(find_identity_conflicts, *sides)
    assert {(finding.subject, finding.details["holder"]) for finding in found} == {
        ("A", "B"),
        ("B", "A"),
    }


def test_conflict_of_a_replacement_that_is_possible_is_a_warning():
    sides = (
        {"Any": resource("EC2::Subnet", {"VpcId": "v", "CidrBlock": "10.0.0.0/24", **zone})}
        for zone in ({"AvailabilityZone": "a"}, {"AvailabilityZone": {"Ref": "Zone"}})
    )
    (finding,) = compared(find_identity_conflicts, *sides)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("IAM::Policy", {"PolicyName": "p", "Roles": ["r"]}),
        ("S3::BucketPolicy", {"Bucket": "b"}),
        ("SNS::TopicPolicy", {"Topics": ["t"]}),
        ("SQS::QueuePolicy", {"Queues": ["q"]}),
    ],
)
def test_policy_of_the_same_resource_goes_with_the_old_one(kind, properties):
    document = {"PolicyDocument": {"Statement": []}}
    old, new = ({name: resource(kind, {**properties, **document})} for name in ("Old", "New"))
    (finding,) = compared(find_identity_conflicts, old, new)
    assert (finding.code, finding.subject) == ("deleted-with-predecessor", "New")
