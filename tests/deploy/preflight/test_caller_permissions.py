"""Permissions of the caller, as IAM's policy simulator evaluates them."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from checkout import ENVIRONMENTS, REGION
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight import caller_permissions
from iot_pipeline_cfn.deploy.preflight.caller_permissions import (
    ADDITIONS,
    BY_PROPERTY,
    NEEDLESS,
    SCOPES,
    needed_actions,
)
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.schemas import MissingSchemasError, schema_of
from preflights import (
    NOWHERE,
    TEMPLATE,
    added,
    context_of,
    modified,
    problems,
    run_check,
    stub,
    stubbed,
)

ALL_ADDED = added(*TEMPLATE["Resources"])
MOST = {key: value for key, value in ENVIRONMENTS["most"].items() if key != "EnvironmentSuffix"}
ACCOUNT = "123456789012"
USER = "arn:aws:iam::123456789012:user/deployer"
CALLER = ("get_caller_identity", {"Account": ACCOUNT, "Arn": USER})


def check(connection, changes=ALL_ADDED):
    return run_check("permissions", connection, changes, **MOST)


def actions_of(*logical_ids, **parameters):
    return set(needed_actions(context_of(NOWHERE, added(*logical_ids), **MOST | parameters)))


@pytest.mark.parametrize(
    ("logical_id", "actions"),
    [
        ("ApiStage", {"apigateway:POST", "apigateway:PUT"}),
        (
            "ContainerSecurityGroup",
            {
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateSecurityGroup",
            },
        ),
        ("ContainerLogGroup", {"logs:CreateLogGroup", "logs:PutRetentionPolicy"}),
        (
            "Database",
            {
                *("iam:PassRole", "kms:CreateGrant", "kms:DescribeKey", "rds:CreateDBInstance"),
                "secretsmanager:CreateSecret",
            },
        ),
        (
            "LoadBalancerLogGroup",
            {
                *("logs:CreateLogGroup", "logs:DescribeResourcePolicies"),
                *("logs:PutResourcePolicy", "logs:PutRetentionPolicy"),
            },
        ),
        (
            "LoadBalancerLogSource",
            {
                "elasticloadbalancing:AllowVendedLogDeliveryForResource",
                "logs:PutDeliverySource",
            },
        ),
        (
            "Repository",
            {
                *("ecr:CreateRepository", "ecr:PutLifecyclePolicy"),
                *("kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"),
            },
        ),
        ("NatElasticIp2", {"ec2:AllocateAddress"}),
        ("ServiceScalableTarget", {"application-autoscaling:RegisterScalableTarget"}),
        ("TaskDefinition", {"ecs:RegisterTaskDefinition", "iam:PassRole"}),
        ("TaskRole", {"iam:CreateRole", "iam:PutRolePolicy"}),
        ("Vpc", {"ec2:CreateVpc"}),
        ("ApiWebAcl", {"wafv2:CreateWebACL"}),
        ("ApiWebAclAssociation", {"wafv2:AssociateWebACL"}),
    ],
)
def test_needed_actions_come_from_the_schemas(logical_id, actions):
    assert actions_of(logical_id) == actions


def test_role_is_passed_only_where_a_property_refers_to_one():
    assert "iam:PassRole" not in actions_of("Database", Monitoring="basic")


def test_customer_managed_key_needs_the_actions_of_kms():
    own = actions_of("Cache", "Database", "Repository")
    aws = actions_of("Cache", "Database", "Repository", EncryptionKey="aws-managed")
    assert {action for action in own - aws if not action.startswith("kms:")} == set()
    assert not any(action.startswith("kms:") for action in aws)


def test_every_type_needs_an_action():
    for logical_id in context_of(NOWHERE, [], **MOST).resources:
        assert actions_of(logical_id), logical_id


def test_no_entry_of_a_table_is_unused():
    types = {resource["Type"] for resource in TEMPLATE["Resources"].values()}
    listed = {
        action for kind in types for action in schema_of(kind)["handlers"]["create"]["permissions"]
    }
    assert listed >= NEEDLESS
    assert ADDITIONS.keys() <= types
    set_properties = {
        name for each in TEMPLATE["Resources"].values() for name in each["Properties"]
    }
    assert BY_PROPERTY.keys() <= set_properties
    assert {action for scoped in SCOPES.values() for action in scoped} <= listed


def test_check_needs_the_schemas(monkeypatch):
    def missing(_):
        raise MissingSchemasError

    monkeypatch.setattr(caller_permissions, "schema_of", missing)
    assert problems(check(stubbed(sts=[CALLER]))) == [(Severity.NOTE, "no-schemas")]


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def as_caller(connection, *statements, role=False):
    """Return a connection of a user or of a role's session that has a policy."""
    iam, policy = connection.iam, {"PolicyName": "any", "PolicyDocument": document(*statements)}
    if not role:
        arn = iam.create_user(UserName="deployer")["User"]["Arn"]
        iam.put_user_policy(UserName="deployer", **policy)
        # The emulator knows the keys of users in its first account only.
        stub(connection, "sts", ("get_caller_identity", {"Account": ACCOUNT, "Arn": arn}))
        return connection
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    created = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="deployer", **policy)
    assumed = connection.sts.assume_role(RoleArn=created["Role"]["Arn"], RoleSessionName="me")
    key = assumed["Credentials"]
    session = boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], region_name=REGION
    )
    return Connection(session, REGION, Target.AWS, connection.endpoint_url)


@pytest.mark.parametrize("role", [False, True])
def test_allowed_caller_gets_no_finding(account, role):
    assert check(as_caller(account, ALL, role=role)) == []


@pytest.mark.parametrize("role", [False, True])
def test_denied_actions_are_a_warning(account, role):
    deny = {"Effect": "Deny", "Action": ["rds:*", "ec2:AllocateAddress"], "Resource": "*"}
    (finding,) = check(as_caller(account, ALL, deny, role=role))
    assert (finding.severity, finding.details["problem"]) == (Severity.WARNING, "denied")
    assert finding.details["principal"].endswith(f":{'role' if role else 'user'}/deployer")
    assert finding.details["actions"] == [
        "ec2:AllocateAddress",
        "rds:CreateDBInstance",
        "rds:CreateDBParameterGroup",
        "rds:CreateDBSubnetGroup",
    ]
    assert finding.details["logical_ids"] == [
        "Database",
        "DatabaseParameterGroup",
        "DatabaseSubnetGroup",
        "NatElasticIp2",
    ]


@pytest.mark.parametrize(("prefix", "denied"), [("iot-pipeline", False), ("others", True)])
def test_action_can_be_allowed_on_the_names_of_environments(account, prefix, denied):
    resource = f"arn:aws:iam::*:role/{prefix}-*"
    roles = {"Effect": "Allow", "Action": "iam:*", "Resource": resource}
    rest = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    found = check(as_caller(account, roles, rest))
    actions = ["iam:CreateRole", "iam:PassRole", "iam:PutRolePolicy"]
    assert [each.details["actions"] for each in found] == [actions] * denied


@pytest.mark.parametrize("by_resource", [False, True])
def test_action_with_missing_context_values_is_not_denied(by_resource):
    """The region is a context value that the simulation gets."""
    result = {"EvalActionName": "sns:CreateTopic", "EvalDecision": "implicitDeny"}
    missing = {"MissingContextValues": ["aws:RequestTag/Team"]}
    specific = {"EvalResourceName": "*", "EvalResourceDecision": "implicitDeny"} | missing
    result |= {"ResourceSpecificResults": [specific]} if by_resource else missing
    region = {
        "ContextKeyName": "aws:RequestedRegion",
        "ContextKeyType": "string",
        "ContextKeyValues": [REGION],
    }
    request = {
        "PolicySourceArn": USER,
        "ActionNames": ["sns:CreateTopic"],
        "ResourceArns": ["*"],
        "ContextEntries": [region],
    }
    answer = ("simulate_principal_policy", {"EvaluationResults": [result]}, request)
    assert check(stubbed(sts=[CALLER], iam=[answer]), added("AlarmTopic")) == []


@pytest.mark.parametrize("kind", ["iam::123456789012:root", "sts::123456789012:federated-user/any"])
def test_caller_without_policies_is_not_simulated(kind):
    caller = ("get_caller_identity", {"Account": ACCOUNT, "Arn": f"arn:aws:{kind}"})
    assert check(stubbed(sts=[caller], iam=[])) == []


@pytest.mark.parametrize(("code", "notes"), [("AccessDenied", 0), ("Throttling", 1)])
def test_denied_simulation_is_no_finding(code, notes):
    connection = stubbed(sts=[CALLER], iam=[("simulate_principal_policy", code)])
    assert [each.severity for each in check(connection)] == [Severity.NOTE] * notes


def test_expired_credentials_end_the_deployment():
    with pytest.raises(ClientError):
        check(stubbed(sts=[("get_caller_identity", "ExpiredToken")]))


def test_change_that_creates_nothing_needs_no_call():
    assert check(NOWHERE, [modified("Repository", "Tags")]) == []
