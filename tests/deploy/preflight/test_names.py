"""Names that break a rule or are taken, and what the caller may do."""

import json
import shlex
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from checkout import ENVIRONMENTS, REGION, ROOT
from deploying import log_group, made_up_session, small_template
from iot_pipeline_cfn.deploy import deployment
from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.operations import command
from iot_pipeline_cfn.deploy.preflight import name_taken, names, permissions
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from iot_pipeline_cfn.deploy.preflight.commands import aws_command
from iot_pipeline_cfn.template.changes import PropertyChange, UpdateBehavior
from preflights import resource_change
from schemas import schema_of

TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
ADDED = [
    resource_change("Add", logical_id, resource["Type"])
    for logical_id, resource in TEMPLATE["Resources"].items()
]
NOBODY = Connection(None, REGION, Target.LOCAL)
"""A connection that makes no client."""
NAMED = {"ContainerLogGroup", "EncryptionKmsAlias", "Repository"}


def look(check, connection, changes=ADDED, *, template=TEMPLATE, suffix="dev"):
    given = ENVIRONMENTS["most"] | {"EnvironmentSuffix": suffix}
    return run({check.CODE: check.look}, Subject("dev", connection, template, given, changes))


def change(logical_id, resource_type, **others):
    replacement = "True" if others.get("properties") else "False"
    action = "Modify" if replacement == "True" else others.get("action", "Add")
    return resource_change(
        action, logical_id, resource_type, replacement, others.get("properties", [])
    )


@pytest.fixture
def connection(emulator, aws):
    """A connection to the embedded AWS as if it was AWS."""
    session = boto3.Session(aws.account, "made-up", region_name=REGION)
    return Connection(session, REGION, Target.AWS, emulator.endpoint_url)


@pytest.fixture
def nowhere():
    return Connection(made_up_session(REGION), REGION, Target.AWS)


def test_names_of_the_template_break_no_rule():
    """There is nobody to ask for that."""
    assert look(names, NOBODY) == []


@pytest.mark.parametrize(
    ("suffix", "broken"),
    [
        ("PR9", {"Repository"}),
        ("a--b", {"Repository"}),
        ("a_" + "x" * 60, {"LoadBalancerLogDestination", "LoadBalancerLogSource"}),
        ("x" * 250, {"Cluster", "Dashboard", "Repository", "TaskDefinition", "RestApi", "VpcLink"}),
        ("a b", {"Cluster", "ContainerLogGroup", "EncryptionKmsAlias", "TaskDefinition"}),
    ],
)
def test_name_that_breaks_a_rule_is_told_with_the_rule(suffix, broken):
    """Each by itself; what a suffix may be keeps that from happening to this template."""
    found = {finding.logical_ids[0]: finding for finding in look(names, NOBODY, suffix=suffix)}
    assert broken <= found.keys()
    assert len(found) < len(ADDED)
    for finding in found.values():
        assert finding.severity is Severity.ERROR
        assert suffix in finding.message


def test_rule_is_told_in_words():
    """A regular expression tells nothing."""
    (finding,) = look(names, NOBODY, suffix="PR9")
    assert finding.message == (
        "Repository: RepositoryName 'iot-pipeline-PR9' is not 2 to 256 lowercase letters and "
        "digits in groups joined by ., _, __, - or /"
    )


def test_name_of_what_is_there_already_is_not_looked_at():
    """Nor one that only the stack can tell."""
    there = [change("Repository", "AWS::ECR::Repository", action="Modify")]
    assert look(names, NOBODY, there, suffix="PR9") == []
    template = small_template({"Logs": log_group({"Ref": "Topic"})})
    assert look(names, NOBODY, [change("Logs", "AWS::Logs::LogGroup")], template=template) == []


def test_names_are_free_in_an_empty_account(connection):
    """Of everything that can be there once only; a name that begins alike is another."""
    connection.logs.create_log_group(logGroupName="/ecs/iot-pipeline-dev2")
    assert look(name_taken, connection) == []


def test_taken_names_are_told_with_the_commands_that_free_them(connection):
    """Then the way is free."""
    connection.logs.create_log_group(logGroupName="/ecs/iot-pipeline-dev")
    connection.ecr.create_repository(repositoryName="iot-pipeline-dev")
    key = connection.kms.create_key()["KeyMetadata"]["KeyId"]
    connection.kms.create_alias(AliasName="alias/iot-pipeline-dev", TargetKeyId=key)
    found = {finding.logical_ids[0]: finding for finding in look(name_taken, connection)}
    assert found.keys() == NAMED
    removed = []
    for finding in found.values():
        assert finding.severity is Severity.ERROR
        assert "is there already; remove it with all that it holds: aws " in finding.message
        command = finding.message.partition("it holds: ")[2].partition("; or ")[0]
        *words, option, region = shlex.split(command)
        assert (option, region) == ("--region", REGION)
        removed.append(words)
    connection.logs.delete_log_group(logGroupName="/ecs/iot-pipeline-dev")
    connection.ecr.delete_repository(repositoryName="iot-pipeline-dev", force=True)
    connection.kms.delete_alias(AliasName="alias/iot-pipeline-dev")
    assert sorted(map(" ".join, removed)) == [
        "aws ecr delete-repository --force --repository-name iot-pipeline-dev",
        "aws kms delete-alias --alias-name alias/iot-pipeline-dev",
        "aws logs delete-log-group --log-group-name /ecs/iot-pipeline-dev",
    ]
    assert look(name_taken, connection) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda at, tags: at.logs.create_log_group(logGroupName="/ecs/iot-pipeline-dev", tags=tags),
        lambda at, tags: at.ecr.create_repository(
            repositoryName="iot-pipeline-dev",
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        ),
        lambda at, tags: at.kms.create_alias(
            AliasName="alias/iot-pipeline-dev",
            TargetKeyId=at.kms.create_key(
                Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()]
            )["KeyMetadata"]["KeyId"],
        ),
    ],
)
def test_stack_that_has_left_something_is_named(connection, make):
    """And one that still has it is not to be robbed of it."""
    make(connection, {"aws:cloudformation:stack-name": "old"})
    (finding,) = look(name_taken, connection)
    assert "is there already, left by the stack old, which is gone; remove it" in finding.message
    body = json.dumps(small_template())
    given = [{"ParameterKey": "EnvironmentSuffix", "ParameterValue": "old"}]
    connection.cloudformation.create_stack(StackName="old", TemplateBody=body, Parameters=given)
    (finding,) = look(name_taken, connection)
    assert finding.message.endswith(
        "is there already, in the stack old; destroy that, or deploy under another name"
    )


def test_tags_that_may_not_be_read_change_nothing(nowhere):
    """It is there all the same."""
    with Stubber(nowhere.logs) as logs:
        arn = "arn:aws:logs:ap-northeast-1:123456789012:log-group:/ecs/iot-pipeline-dev"
        group = {"logGroupName": "/ecs/iot-pipeline-dev", "arn": f"{arn}:*"}
        logs.add_response("describe_log_groups", {"logGroups": [group]})
        logs.add_client_error(
            "list_tags_for_resource", "AccessDeniedException", expected_params={"resourceArn": arn}
        )
        (finding,) = look(name_taken, nowhere, [change("ContainerLogGroup", "AWS::Logs::LogGroup")])
    assert finding.severity is Severity.ERROR
    assert "is there already; remove it" in finding.message


@pytest.mark.parametrize(
    ("logical_id", "resource_type", "service", "call"),
    [
        ("ContainerLogGroup", "AWS::Logs::LogGroup", "logs", "describe_log_groups"),
        ("Repository", "AWS::ECR::Repository", "ecr", "describe_repositories"),
        ("EncryptionKmsAlias", "AWS::KMS::Alias", "kms", "describe_key"),
    ],
)
def test_names_that_may_not_be_looked_for_block_nothing(
    nowhere, logical_id, resource_type, service, call
):
    """That is worth a note."""
    with Stubber(getattr(nowhere, service)) as stubber:
        stubber.add_client_error(call, "AccessDeniedException")
        (finding,) = look(name_taken, nowhere, [change(logical_id, resource_type)])
    assert finding.severity is Severity.NOTE
    assert "could not be checked: access denied" in finding.message


def test_name_that_the_stack_itself_holds_is_not_taken(connection):
    """Of a replacement, unless it is the name that changes; nor of what has none."""
    connection.logs.create_log_group(logGroupName="/ecs/iot-pipeline-dev")
    logs = ("ContainerLogGroup", "AWS::Logs::LogGroup")
    cause = [PropertyChange("KmsKeyId", UpdateBehavior.REPLACEMENT)]
    assert look(name_taken, NOBODY, [change(*logs, properties=cause)]) == []
    assert look(name_taken, NOBODY, [change(*logs, action="Remove")]) == []
    cause = [PropertyChange("LogGroupName", UpdateBehavior.REPLACEMENT)]
    assert len(look(name_taken, connection, [change(*logs, properties=cause)])) == 1


def test_deployment_over_a_log_group_that_was_left_is_stopped(project, aws):
    """With a command that works where the environment lives."""
    project.write(small_template({"Logs": log_group("/left")}))
    aws("logs").create_log_group(logGroupName="/left")
    done = project.deploy("pr1")
    assert done.status == 8
    assert "error name-taken: Logs: the log group /left is there already" in done.err
    aws("logs").delete_log_group(logGroupName="/left")
    assert project.deploy("pr1").status == 0


def test_what_a_former_stack_of_the_same_name_has_left_is_to_be_removed(project, aws):
    """Although the change set has made a stack of that name again, which is not to be destroyed."""
    project.write(small_template({"Logs": log_group("/left")}))
    tags = {"aws:cloudformation:stack-name": "iot-pipeline-pr1"}
    aws("logs").create_log_group(logGroupName="/left", tags=tags)
    done = project.run("preflight", "pr1")
    assert done.status == 8
    assert "left by the stack iot-pipeline-pr1, which is gone; remove it with all that" in done.out


def test_environment_is_not_to_be_destroyed_for_a_name_that_it_has_itself(project):
    """As where a resource has another logical id now, and is made before the old one goes."""
    project.write(small_template({"Logs": log_group("/kept")}))
    assert project.deploy("pr1").status == 0
    project.write(small_template({"Renamed": log_group("/kept")}))
    done = project.run("preflight", "pr1")
    assert done.status == 8
    assert "/kept is there already, in this very environment; remove it in a" in done.out
    assert "destroy" not in done.out


def test_check_that_finds_several_things_is_ignored_once(project, aws):
    """The command that is named can be typed as it is."""
    project.write(small_template({"A": log_group("/a"), "B": log_group("/b")}))
    for name in ("/a", "/b"):
        aws("logs").create_log_group(logGroupName=name)
    done = project.run("preflight", "pr1")
    assert done.out.count("error name-taken: ") == len("ab")
    assert (done.code, done.details) == ("preflight", {"codes": ["name-taken"]})


@pytest.mark.parametrize("name", ["pr 1", "it's", "a;b", "pr1"])
def test_command_of_a_message_names_an_environment_for_the_shell(name):
    """Names of others are read off their tags."""
    shown = command("destroy", name, Connection(None, REGION, Target.AWS))
    assert shlex.split(shown)[1:] == ["destroy", name, "--region", REGION]


def test_command_for_the_embedded_aws_says_where_it_is():
    """And brings credentials, without which the AWS CLI sends nothing."""
    local = Connection(None, REGION, Target.LOCAL, "http://127.0.0.1:1")
    assert aws_command(local, "logs", "delete-log-group", "--log-group-name", "a b") == (
        "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws logs delete-log-group "
        "--log-group-name 'a b' --region ap-northeast-1 --endpoint-url http://127.0.0.1:1"
    )


@pytest.mark.parametrize(
    ("name", "path", "way"),
    [
        (
            "NAME_CONFLICT_VALIDATION",
            "/Resources/ContainerLogGroup",
            "delete-log-group --log-group-name /ecs/iot-pipeline-dev",
        ),
        (
            "ResourceNameConflict",
            "/Resources/Repository/Properties/RepositoryName",
            "delete-repository --force --repository-name iot-pipeline-dev",
        ),
        ("RESOURCE_ALREADY_EXISTS", "EncryptionKmsAlias", "--alias-name alias/iot-pipeline-dev"),
        ("NAME_CONFLICT_VALIDATION", "/Resources/Cluster", "remove what has that name; or"),
        ("NAME_CONFLICT_VALIDATION", "", None),
        ("CONFIG_RECORDER_CONFLICT_VALIDATION", "/Resources/ContainerLogGroup", None),
        ("PROPERTY_VALIDATION", "/Resources/ContainerLogGroup", None),
    ],
)
def test_early_validation_is_answered_with_the_same_way_on(nowhere, name, path, way):
    """Its names are open strings; what it finds beside names has no way on here."""
    given = {"EnvironmentSuffix": "dev", "EncryptionKey": "customer-managed"}
    subject = Subject("dev", nowhere, TEMPLATE, given, [])
    found = name_taken.way_on(subject, ValidationFinding(name, path, "exists", fails=True))
    assert way in found if way else found == ""


def test_name_that_only_the_stack_can_tell_is_not_made_up(nowhere):
    """What early validation says is answered all the same."""
    template = small_template({"Logs": log_group({"Ref": "Topic"})})
    subject = Subject("dev", nowhere, template, {}, [])
    finding = ValidationFinding("NAME_CONFLICT_VALIDATION", "/Resources/Logs", "", fails=True)
    assert name_taken.way_on(subject, finding).startswith("remove what has that name")
    assert (
        look(name_taken, nowhere, [change("Logs", "AWS::Logs::LogGroup")], template=template) == []
    )


def test_change_set_that_early_validation_refuses_tells_the_way_on(project, monkeypatch):
    """Below what CloudFormation says, once."""
    project.write(small_template({"Logs": log_group("/left")}))
    finding = ValidationFinding(
        "NAME_CONFLICT_VALIDATION", "/Resources/Logs", "Resource '/left' exists", fails=True
    )
    describe = deployment.cloudformation.describe_change_set
    failed = {"status": "FAILED", "execution_status": "UNAVAILABLE", "reason": "validation"}
    monkeypatch.setattr(
        deployment.cloudformation,
        "describe_change_set",
        lambda client, arn: replace(describe(client, arn), **failed),
    )
    monkeypatch.setattr(deployment.cloudformation, "validation_findings", lambda *_: [finding])
    done = project.deploy("pr1")
    assert done.status == 3
    first, second, third = done.err.splitlines()
    assert (done.code, done.details["reason"]) == ("change-set-failed", "validation")
    assert first.endswith(": validation")
    assert second == "/Resources/Logs: Resource '/left' exists (NAME_CONFLICT_VALIDATION)"
    assert third.startswith("  remove it with all that it holds: aws logs delete-log-group")


@pytest.mark.parametrize("resource_type", sorted({each.resource_type for each in ADDED}))
def test_actions_are_those_of_the_schemas(resource_type):
    """Which name all that a creation may need; every type of the template is known."""
    known = schema_of(resource_type)["handlers"]["create"]["permissions"]
    assert permissions.ACTIONS[resource_type]
    assert set(permissions.ACTIONS[resource_type]) <= set(known)


def test_no_action_is_known_without_a_use():
    """Neither for a type that the template has not, nor on a resource of no action."""
    assert permissions.ACTIONS.keys() == {each.resource_type for each in ADDED}
    actions = {action for some in permissions.ACTIONS.values() for action in some}
    assert permissions.SCOPES.keys() <= actions


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def who(connection, *statements, role=False):
    """Return a connection of a user, or of somebody in a role, who has a policy."""
    iam, policy = connection.iam, {"PolicyName": "any", "PolicyDocument": document(*statements)}
    if not role:
        arn = iam.create_user(UserName="deployer")["User"]["Arn"]
        iam.put_user_policy(UserName="deployer", **policy)
        # The embedded AWS does not know a user's keys in any account but its first.
        stubber = Stubber(connection.sts)
        stubber.add_response("get_caller_identity", {"Arn": arn})
        stubber.activate()
        return connection
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    made = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="deployer", **policy)
    taken = connection.sts.assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="me")
    key = taken["Credentials"]
    session = boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], region_name=REGION
    )
    return Connection(session, REGION, Target.AWS, connection.endpoint_url)


@pytest.mark.parametrize("role", [False, True])
def test_caller_who_may_do_everything_is_told_nothing(connection, role):
    """Whether a user or somebody in a role."""
    assert look(permissions, who(connection, ALL, role=role)) == []


@pytest.mark.parametrize("role", [False, True])
def test_what_the_caller_may_not_do_is_warned_of(connection, role):
    """With the actions, who it is, and which resources need them."""
    no = {"Effect": "Deny", "Action": ["rds:*", "ec2:AllocateAddress"], "Resource": "*"}
    (finding,) = look(permissions, who(connection, ALL, no, role=role))
    assert finding.severity is Severity.WARNING
    principal = f"{'role' if role else 'user'}/deployer"
    assert f":{principal} may not, by IAM's policy simulator: ec2:All" in finding.message
    assert "ec2:AllocateAddress, rds:CreateDBInstance, rds:CreateDBPara" in finding.message
    assert finding.logical_ids == [
        "Database",
        "DatabaseParameterGroup",
        "DatabaseSubnetGroup",
        "NatElasticIp1",
        "NatElasticIp2",
    ]


@pytest.mark.parametrize(("prefix", "said"), [("iot-pipeline", False), ("others", True)])
def test_what_is_allowed_on_the_names_of_environments_is_allowed(connection, prefix, said):
    """Policies name resources rather than everything."""
    resource = f"arn:aws:iam::*:role/{prefix}-*"
    roles = {"Effect": "Allow", "Action": "iam:*", "Resource": resource}
    rest = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    found = look(permissions, who(connection, roles, rest))
    assert bool(found) is said
    assert all("iam:CreateRole, iam:PassRole, iam:PutRolePolicy" in each.message for each in found)


@pytest.mark.parametrize("by_resource", [False, True])
def test_what_the_simulator_cannot_know_is_not_taken_for_denied(nowhere, by_resource):
    """A condition on what no simulation is told; and the region, which it is told."""
    arn = "arn:aws:iam::123456789012:user/deployer"
    with Stubber(nowhere.sts) as sts, Stubber(nowhere.iam) as iam:
        sts.add_response("get_caller_identity", {"Arn": arn})
        result = {"EvalActionName": "sns:CreateTopic", "EvalDecision": "implicitDeny"}
        missing = {"MissingContextValues": ["aws:RequestTag/Team"]}
        specific = {"EvalResourceName": "*", "EvalResourceDecision": "implicitDeny"} | missing
        result |= {"ResourceSpecificResults": [specific]} if by_resource else missing
        region = {
            "ContextKeyName": "aws:RequestedRegion",
            "ContextKeyType": "string",
            "ContextKeyValues": [REGION],
        }
        iam.add_response(
            "simulate_principal_policy",
            {"EvaluationResults": [result]},
            {
                "PolicySourceArn": arn,
                "ActionNames": ["sns:CreateTopic"],
                "ResourceArns": ["*"],
                "ContextEntries": [region],
            },
        )
        assert look(permissions, nowhere, [change("Topic", "AWS::SNS::Topic")]) == []
        iam.assert_no_pending_responses()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/somebody",
    ],
)
def test_who_has_no_policies_to_simulate_is_told_nothing(nowhere, arn):
    """IAM is not asked."""
    with Stubber(nowhere.sts) as sts, Stubber(nowhere.iam):
        sts.add_response("get_caller_identity", {"Arn": arn})
        assert look(permissions, nowhere) == []


@pytest.mark.parametrize(("code", "notes"), [("AccessDenied", 0), ("Throttling", 1)])
def test_simulation_that_is_denied_is_not_spoken_of(nowhere, code, notes):
    """At every deployment of who may not have it made; any other trouble is worth a note."""
    with Stubber(nowhere.sts) as sts, Stubber(nowhere.iam) as iam:
        sts.add_response("get_caller_identity", {"Arn": "arn:aws:iam::123456789012:user/me"})
        iam.add_client_error("simulate_principal_policy", code)
        found = look(permissions, nowhere)
    assert [finding.severity for finding in found] == [Severity.NOTE] * notes


def test_credentials_that_expire_meanwhile_are_no_note(nowhere):
    """Nothing that comes after the checks could be done either."""
    with Stubber(nowhere.sts) as sts:
        sts.add_client_error("get_caller_identity", "ExpiredToken")
        with pytest.raises(ClientError):
            look(permissions, nowhere)


def test_nobody_is_asked_where_nothing_is_new():
    there = [change("Repository", "AWS::ECR::Repository", action="Modify")]
    assert look(permissions, NOBODY, there) == []
