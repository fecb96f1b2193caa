"""Deleting environments."""

import json

import pytest

from checkout import ROOT
from deploying import (
    HELD,
    IMPOSSIBLE,
    PROTECTED,
    WAITS,
    command_named_in,
    set_logs_role,
    signal_success,
    small_template,
    stack_of,
    topic,
)
from iot_pipeline_cfn.deploy import deletion
from iot_pipeline_cfn.rehearsal.leftovers import list_resources

UNPROTECT = ("--parameter", "DeletionProtection=disabled")


def deploy_real(project, environment):
    """Deploy the real template with a parameter file."""
    project.write_committed(environment)
    done = project.deploy(environment)
    assert done.status == 0, done.err[-500:]


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_destroyed_environment_leaves_nothing(project, aws, environment):
    """A protected one leaves its snapshots."""
    before = list_resources(aws)
    deploy_real(project, environment)
    if environment == "staging":
        assert project.deploy(environment, *UNPROTECT).status == 0
    done = project.run("destroy", environment, "--yes", "--json")
    assert done.status == 0, done.err
    deletion, *_, result = done.documents
    kept = [each for each in deletion["resources"] if each["outcome"] == "snapshot"]
    assert len(kept) == (2 if environment == "staging" else 0)
    assert (result["state"], result["left"]) == ("DELETE_COMPLETE", [])
    assert list_resources(aws) == before


def test_absent_environment_is_destroyed_without_an_error(project, aws):
    """The message names the account and the Region, which may be the wrong ones."""
    project.deploy("pr1")
    assert project.run("destroy", "pr1", "--yes").status == 0
    done = project.run("destroy", "pr1", "--yes", "--json")
    deletion, result = done.documents
    assert (done.status, deletion["stack"], result["state"]) == (0, None, None)
    location = result["location"]
    assert (location["account"], location["region"]) == (aws.account, aws.region)


def test_protected_environment_is_destroyed_after_lifting_its_protection(project, aws):
    """The error names the command that lifts it; the next deployment restores it."""
    project.write(small_template(), prod=PROTECTED)
    project.deploy("prod")
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    refused = project.run("destroy", "prod", "--yes", "--force")
    assert (refused.status, refused.code) == (1, "protected")
    assert stack_of(aws, "prod")["StackStatus"] == "CREATE_COMPLETE"
    command = command_named_in(refused.err)
    assert project.run(*command, "--yes").status == 0
    assert not stack_of(aws, "prod")["EnableTerminationProtection"]
    assert project.deploy("prod").status == 0
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    project.run(*command, "--yes")
    assert project.run("destroy", "prod", "--yes").status == 0


def test_termination_protection_precedes_the_first_resource(project, aws):
    """A plan does not set it."""
    project.write(small_template(WAITS), prod=PROTECTED)
    project.run("plan", "prod")
    assert project.deploy("prod", "--timeout", "0.2").status == 6
    assert stack_of(aws, "prod")["StackStatus"] == "CREATE_IN_PROGRESS"
    assert stack_of(aws, "prod")["EnableTerminationProtection"]
    signal_success(aws, "prod")


def test_failed_creation_of_a_protected_environment_can_be_destroyed(project, aws):
    """Its database and load balancer have deletion protection already."""
    template = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
    template["Resources"]["Impossible"] = IMPOSSIBLE | {"DependsOn": ["Service"]}
    project.write(template, prod=json.loads((ROOT / "parameters/prod.json").read_text()))
    set_logs_role(aws("apigateway"))
    before = list_resources(aws)
    failed = project.deploy("prod")
    assert (failed.status, failed.details["cause"]["logical_id"]) == (5, "Impossible")
    assert stack_of(aws, "prod")["StackStatus"] == "ROLLBACK_FAILED"
    refused = project.deploy("prod")
    assert refused.status == 1
    assert refused.code == "rollback-failed"
    command = command_named_in(failed.err)
    done = project.run(*command, "--yes")
    assert done.status == 0, done.err[-1000:]
    assert list_resources(aws) == before


def test_resources_that_block_a_deletion_are_named_and_left_behind_by_force(project, aws):
    project.write(small_template({"Database": HELD}))
    project.deploy("pr1")
    done = project.run("destroy", "pr1", "--yes")
    assert done.status == 5
    assert done.code == "deletion-failed"
    (failure,) = done.details["failures"]
    assert "Cannot delete protected DB Instance" in failure["reason"]
    refused = project.deploy("pr1")
    assert (refused.status, refused.code) == (1, "deletion-failed")
    forced = project.run("destroy", "pr1", "--yes", "--force", "--json")
    (left,) = forced.documents[-1]["left"]
    assert (forced.status, left["logical_id"]) == (0, "Database")
    assert len(aws("rds").describe_db_instances()["DBInstances"]) == 1
    assert aws("sns").list_topics()["Topics"] == []


def test_failed_deletion_can_be_repeated(project, aws):
    """The error names the command."""
    project.write(small_template({"Database": HELD}))
    project.deploy("pr1")
    failed = project.run("destroy", "pr1", "--yes")
    (database,) = aws("rds").describe_db_instances()["DBInstances"]
    aws("rds").modify_db_instance(
        DBInstanceIdentifier=database["DBInstanceIdentifier"], DeletionProtection=False
    )
    assert project.run(*command_named_in(failed.err), "--yes").status == 0


def test_export_that_is_imported_after_the_check_keeps_the_stack(project, aws, monkeypatch):
    outputs = {"Value": {"Value": "any", "Export": {"Name": "any:value"}}}
    project.write(small_template(outputs=outputs))
    project.deploy("pr1")
    user = {"Resources": {"Any": topic(DisplayName={"Fn::ImportValue": "any:value"})}}
    aws("cloudformation").create_stack(StackName="user", TemplateBody=json.dumps(user))
    answers, read = iter([[]]), deletion.users_of
    monkeypatch.setattr(deletion, "users_of", lambda *given: next(answers, read(*given)))
    refused = project.run("destroy", "pr1", "--yes")
    assert (refused.status, refused.code) == (1, "in-use")
    assert refused.details["stacks"] == ["user"]
    reason = "Export any:value cannot be deleted as it is in use by user"
    assert refused.details["reason"] == reason
    assert stack_of(aws, "pr1")["StackStatus"] == "CREATE_COMPLETE"


def test_destroy_ends_a_creation(project):
    """CloudFormation cannot cancel it."""
    project.write(small_template(WAITS))
    assert project.deploy("pr1", "--timeout", "0.3").status == 6
    refused = project.run("cancel", "pr1")
    assert refused.code == "cannot-cancel-creation"
    assert project.run("destroy", "pr1", "--yes").status == 0
    assert project.run("list").out == ""


def test_stack_with_a_yaml_template_can_be_destroyed(project, aws):
    """Its deletion policies cannot be read."""
    body = (
        "Parameters: {Durability: {Type: String, Default: ephemeral}}\n"
        "Resources: {Topic: {Type: 'AWS::SNS::Topic', DeletionPolicy: Retain}}"
    )
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-pr1",
        TemplateBody=body,
        Tags=[{"Key": "iot-pipeline:environment", "Value": "pr1"}],
    )
    assert not project.run("status", "pr1", "--json").document["in_step_with_template"]
    done = project.run("destroy", "pr1", "--yes", "--json")
    assert done.status == 0
    assert {each["outcome"] for each in done.documents[0]["resources"]} == {"unknown"}
