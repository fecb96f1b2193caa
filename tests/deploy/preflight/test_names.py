"""Names that a service would reject, and names that are taken."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checkout import ENVIRONMENTS, REGION
from deploying import log_group, small_template
from iot_pipeline_cfn.deploy import deployment
from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.preflight.names import explain_validation
from iot_pipeline_cfn.template.changes import PropertyChange, UpdateBehavior
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    NOWHERE,
    TEMPLATE,
    added,
    change,
    context_of,
    modified,
    problems,
    remediations,
    resource_change,
    run_check,
    stubbed,
)
from quota_consumers import ENVIRONMENT_TAG, STACK_TAG, tag_list

ADDED = added(*TEMPLATE["Resources"])
LOGS = "ContainerLogGroup"
LOG_GROUP = "/ecs/iot-pipeline-dev"
MOST = {key: value for key, value in ENVIRONMENTS["most"].items() if key != "EnvironmentSuffix"}


def names(suffix="dev", changes=ADDED, **others):
    return run_check("names", NOWHERE, changes, suffix=suffix, **MOST, **others)


def taken(connection, *changes, **others):
    return run_check("name-taken", connection, changes or ADDED, **MOST, **others)


def deletions(finding):
    """Return the commands that delete a resource."""
    return [each["argv"] for each in remediations(finding, "delete-resource")]


@pytest.mark.parametrize(
    ("suffix", "broken"),
    [
        ("dev", set()),
        ("PR9", {"Repository"}),
        ("a--b", {"Repository"}),
        ("a_" + "x" * 60, {"LoadBalancerLogDestination", "LoadBalancerLogSource"}),
        ("x" * 250, {"Cluster", "Dashboard", "Repository", "TaskDefinition", "RestApi", "VpcLink"}),
        ("a b", {"Cluster", LOGS, "EncryptionKmsAlias", "TaskDefinition"}),
    ],
)
def test_invalid_names_are_errors(suffix, broken):
    found = {finding.subject: finding for finding in names(suffix)}
    assert broken <= found.keys() if broken else not found
    assert len(found) < len(ADDED)
    for finding in found.values():
        assert finding.severity is Severity.ERROR
        assert suffix in finding.details["name"]
        assert finding.details["allowed"]


def test_names_of_existing_resources_and_generated_names_are_not_checked():
    assert names("PR9", [modified("Repository", "Tags")]) == []
    template = small_template({"Logs": log_group({"Ref": "Topic"})})
    created = [resource_change("Add", "Logs", "AWS::Logs::LogGroup")]
    assert names(changes=created, template=template) == []
    assert taken(NOWHERE, *created, template=template) == []


def test_names_are_available_in_an_empty_account(account):
    """A longer name is another one."""
    account.logs.create_log_group(logGroupName=f"{LOG_GROUP}2")
    assert taken(account) == []


def create_log_group(connection, tags):
    connection.logs.create_log_group(logGroupName=LOG_GROUP, tags=tags)


def create_repository(connection, tags):
    connection.ecr.create_repository(repositoryName="iot-pipeline-dev", tags=tag_list(tags))


def create_alias(connection, tags):
    tags = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    key = connection.kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    connection.kms.create_alias(AliasName="alias/iot-pipeline-dev", TargetKeyId=key)


TYPES = [
    (LOGS, create_log_group, ["logs", "delete-log-group", "--log-group-name", LOG_GROUP]),
    (
        "Repository",
        create_repository,
        ["ecr", "delete-repository", "--force", "--repository-name", "iot-pipeline-dev"],
    ),
    (
        "EncryptionKmsAlias",
        create_alias,
        ["kms", "delete-alias", "--alias-name", "alias/iot-pipeline-dev"],
    ),
]


@pytest.mark.parametrize(("logical_id", "create", "delete"), TYPES)
def test_resource_of_no_stack_comes_with_the_command_that_deletes_it(
    account, logical_id, create, delete
):
    create(account, {})
    (finding,) = taken(account)
    assert (finding.severity, finding.subject) == (Severity.ERROR, logical_id)
    assert finding.details["owner"] == "none"
    assert deletions(finding) == [["aws", *delete, "--region", REGION]]


@pytest.mark.parametrize("tags", [{STACK_TAG: "iot-pipeline-old"}, {ENVIRONMENT_TAG: "old"}])
@pytest.mark.parametrize(("logical_id", "create", "delete"), TYPES)
def test_resource_of_an_existing_stack_is_never_proposed_for_deletion(
    account, logical_id, create, delete, tags
):
    """Keys have no tag of CloudFormation's: their stack follows from the environment."""
    create(account, tags)
    (finding,) = taken(account)
    assert (finding.details["owner"], finding.details["stack"]) == (
        "deleted-stack",
        "iot-pipeline-old",
    )
    assert deletions(finding) == [["aws", *delete, "--region", REGION]]
    account.cloudformation.create_stack(
        StackName="iot-pipeline-old",
        TemplateBody=json.dumps(small_template()),
        Parameters=[{"ParameterKey": "EnvironmentSuffix", "ParameterValue": "old"}],
    )
    (finding,) = taken(account)
    assert (finding.subject, finding.details["owner"]) == (logical_id, "other-stack")
    assert [each.action for each in finding.remediations] == ["use-other-name"]


ARN = f"arn:aws:logs:{REGION}:123456789012:log-group:{LOG_GROUP}"
EXISTING = (
    "describe_log_groups",
    {"logGroups": [{"logGroupName": LOG_GROUP, "arn": f"{ARN}:*"}]},
)
TAGS = "list_tags_for_resource"


def stack_answer(status):
    stack = {"StackId": "a", "StackName": "iot-pipeline-dev", "StackStatus": status}
    return {"Stacks": [stack | {"CreationTime": datetime.now(UTC)}]}


@pytest.mark.parametrize(
    ("tags", "stack", "owner"),
    [
        ("AccessDeniedException", None, "unknown"),
        ({ENVIRONMENT_TAG: "no valid name!"}, None, "unknown"),
        ({STACK_TAG: "old"}, "AccessDenied", "unknown"),
        ({STACK_TAG: "old"}, "Throttling", "unknown"),
        ({STACK_TAG: "iot-pipeline-dev"}, stack_answer("UPDATE_COMPLETE"), "own-stack"),
        ({STACK_TAG: "iot-pipeline-dev"}, stack_answer("REVIEW_IN_PROGRESS"), "deleted-stack"),
        ({STACK_TAG: "old"}, stack_answer("DELETE_FAILED"), "other-stack"),
    ],
)
def test_deletion_is_proposed_only_where_no_stack_has_the_resource(tags, stack, owner):
    answer = (TAGS, tags) if isinstance(tags, str) else (TAGS, {"tags": tags}, {"resourceArn": ARN})
    stacks = [("describe_stacks", stack)] if stack else []
    connection = stubbed(logs=[EXISTING, answer], cloudformation=stacks)
    (finding,) = taken(connection, change(LOGS))
    assert (finding.severity, finding.details["owner"]) == (Severity.ERROR, owner)
    assert bool(deletions(finding)) is (owner == "deleted-stack")


@pytest.mark.parametrize(
    ("logical_id", "service", "call"),
    [
        (LOGS, "logs", "describe_log_groups"),
        ("Repository", "ecr", "describe_repositories"),
        ("EncryptionKmsAlias", "kms", "describe_key"),
    ],
)
def test_name_that_cannot_be_looked_up_is_a_note(logical_id, service, call):
    connection = stubbed(**{service: [(call, "AccessDeniedException")]})
    assert problems(taken(connection, change(logical_id))) == [(Severity.NOTE, "not-checked")]


def test_replacement_needs_the_name_only_where_it_changes(account):
    create_log_group(account, {})

    def replaced(name):
        part = PropertyChange(name, UpdateBehavior.REPLACEMENT)
        return change(LOGS, "Modify", "True", [part])

    assert taken(NOWHERE, replaced("KmsKeyId")) == []
    assert taken(NOWHERE, change(LOGS, "Remove")) == []
    assert len(taken(account, replaced("LogGroupName"))) == 1


def finding_of(project):
    """Run the checks of pr1, and return the only finding about a name."""
    done = project.run("preflight", "pr1", "--json")
    assert done.status == 8
    (finding,) = json.loads(done.out.splitlines()[-1])["findings"]
    assert finding["code"] == "name-taken"
    return finding


def test_name_of_a_log_group_can_be_taken(project, aws):
    project.write(small_template({"Logs": log_group("/left")}))
    aws("logs").create_log_group(logGroupName="/left")
    assert finding_of(project)["details"]["owner"] == "none"
    aws("logs").delete_log_group(logGroupName="/left")
    assert project.deploy("pr1").status == 0


def test_stack_of_the_change_set_itself_is_no_owner(project, aws):
    """A former stack had the same name as the one that the change set creates."""
    project.write(small_template({"Logs": log_group("/left")}))
    aws("logs").create_log_group(logGroupName="/left", tags={STACK_TAG: "iot-pipeline-pr1"})
    assert finding_of(project)["details"]["owner"] == "deleted-stack"


def test_environment_is_not_proposed_for_destruction_for_its_own_name(project):
    """A resource with a new logical ID is created before the old one is deleted."""
    project.write(small_template({"Logs": log_group("/kept")}))
    assert project.deploy("pr1").status == 0
    project.write(small_template({"Renamed": log_group("/kept")}))
    finding = finding_of(project)
    assert finding["details"]["owner"] == "own-stack"
    assert [each["action"] for each in finding["remediations"]] == ["remove-first"]


@pytest.mark.parametrize(
    ("name", "path", "subject", "actions"),
    [
        ("NAME_CONFLICT_VALIDATION", f"/Resources/{LOGS}", LOGS, ["delete-resource"]),
        (
            "ResourceNameConflict",
            f"/Resources/{LOGS}/Properties/LogGroupName",
            LOGS,
            ["delete-resource"],
        ),
        ("RESOURCE_ALREADY_EXISTS", LOGS, LOGS, ["delete-resource"]),
        ("NAME_CONFLICT_VALIDATION", "/Resources/Cluster", "Cluster", []),
        ("NAME_CONFLICT_VALIDATION", "", "", None),
        ("CONFIG_RECORDER_CONFLICT_VALIDATION", f"/Resources/{LOGS}", LOGS, None),
        ("PROPERTY_VALIDATION", f"/Resources/{LOGS}", LOGS, None),
    ],
)
def test_name_conflict_of_early_validation_gets_remediations(name, path, subject, actions):
    is_read = "delete-resource" in (actions or [])
    connection = stubbed(logs=[EXISTING, (TAGS, {"tags": {}})] if is_read else [])
    finding = explain_validation(
        context_of(connection, []), ValidationFinding(name, path, "exists", fails=True)
    )
    assert (finding.code, finding.severity) == ("early-validation", Severity.ERROR)
    assert (finding.subject, finding.details["reason"]) == (subject, "exists")
    proposed = [each.action for each in finding.remediations]
    assert ("use-other-name" in proposed) is (actions is not None)
    assert {*(actions or [])} <= {*proposed}


@pytest.mark.parametrize("error", ["AccessDeniedException", "ThrottlingException"])
def test_name_conflict_of_an_unknown_resource_proposes_no_deletion(error):
    connection = stubbed(logs=[("describe_log_groups", error)])
    validation = ValidationFinding("NAME_CONFLICT_VALIDATION", LOGS, "exists", fails=True)
    finding = explain_validation(context_of(connection, []), validation)
    assert [each.action for each in finding.remediations] == ["use-other-name"]


def test_rejected_change_set_is_reported_with_remediations(project, aws, monkeypatch):
    project.write(small_template({"Logs": log_group("/left")}))
    aws("logs").create_log_group(logGroupName="/left")
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
    assert (done.code, done.details["reason"]) == ("change-set-failed", "validation")
    _, _, first, second, *_ = done.err.splitlines()
    assert "Resource '/left' exists (NAME_CONFLICT_VALIDATION)" in first
    assert "logs delete-log-group --log-group-name /left" in second
