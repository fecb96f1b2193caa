"""What refuses to be deleted: found where it is to go, and only there."""

import pytest
from botocore.stub import Stubber

from checkout import REGION
from deploying import made_up_session
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight import deletion_protection
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from preflights import resource_change

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
DATABASE = "AWS::RDS::DBInstance"


def found(connection, kind, physical_id, *, action="Modify", replacement="True", policy=""):
    made = resource_change(
        action, "Any", kind, replacement, policy_action=policy, physical_id=physical_id
    )
    subject = Subject("prod", connection, {}, {}, [made])
    return run({deletion_protection.CODE: deletion_protection.look}, subject)


def load_balancer(aws, protected):
    elbv2 = aws("elbv2")
    vpc = aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = aws("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    arn = elbv2.create_load_balancer(Name="any", Subnets=[subnet])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    attribute = {"Key": "deletion_protection.enabled", "Value": str(protected).lower()}
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    return arn


def database(aws, protected):
    aws("rds").create_db_instance(
        DBInstanceIdentifier="any",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="iot",
        MasterUserPassword="made-up",
        DeletionProtection=protected,
    )
    return "any"


@pytest.mark.parametrize(
    ("kind", "made"), [(LOAD_BALANCER, load_balancer), (DATABASE, database)], ids=["elb", "rds"]
)
def test_what_is_protected_must_not_go(aws, connect_to, kind, made):
    """Replaced or removed; what stays as it is, is kept, or comes, may be protected."""
    name = made(aws, protected=True)
    for goes in ({}, {"action": "Remove", "replacement": "False"}):
        (finding,) = found(connect_to(), kind, name, **goes)
        assert finding.severity is Severity.ERROR
        assert finding.logical_ids == ["Any"]
        assert f"{name} is protected" in finding.message
        assert "--parameter DeletionProtection=disabled" in finding.message
    for stays in (
        {"replacement": "False"},
        {"action": "Add", "replacement": "False"},
        {"policy": "ReplaceAndRetain"},
        {"action": "Remove", "replacement": "False", "policy": "Retain"},
    ):
        assert found(connect_to(), kind, name, **stays) == []


@pytest.mark.parametrize(
    ("kind", "made"), [(LOAD_BALANCER, load_balancer), (DATABASE, database)], ids=["elb", "rds"]
)
def test_what_is_not_protected_may_go(aws, connect_to, kind, made):
    """Nothing is said of it."""
    assert found(connect_to(), kind, made(aws, protected=False)) == []


def test_what_cannot_be_asked_is_a_note():
    """It blocks nothing."""
    connection = Connection(made_up_session(REGION), REGION, Target.AWS)
    with Stubber(connection.elbv2) as stubber:
        stubber.add_client_error("describe_load_balancer_attributes", "AccessDenied")
        (finding,) = found(connection, LOAD_BALANCER, "any")
    assert finding.severity is Severity.NOTE
