"""Deployments on the local AWS emulator."""

import json
import time

import pytest

from checkout import PARAMETER_FILES
from deploying import (
    PROTECTED,
    log_group,
    names_of_stacks,
    parameters_of,
    record_image,
    small_template,
    stack_of,
    topic,
)
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

OURS = {"Key": ENVIRONMENT_TAG, "Value": "pr1"}
EVERYTHING = {"Principal": "*", "Resource": "*"}
POLICY = {"Statement": [{"Effect": "Allow", "Action": ["Update:*"]} | EVERYTHING]}


def change_sets(aws, suffix="pr1"):
    """Return the change sets of an environment that were not executed."""
    listed = aws("cloudformation").list_change_sets(StackName=f"iot-pipeline-{suffix}")
    return [one for one in listed["Summaries"] if "EXECUTE" not in one["ExecutionStatus"]]


def test_environment_is_created(project, aws):
    done = project.deploy("pr1", "--json")
    assert done.status == 0, done.err
    plan, findings, *events, outputs = done.documents
    stack = stack_of(aws)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert OURS in stack["Tags"]
    assert {"Key": "Environment", "Value": "pr1"} in stack["Tags"]
    assert {"Key": "Project", "Value": "iot-pipeline"} in stack["Tags"]
    (change,) = plan["changes"]
    assert (change["action"], change["logical_id"], plan["stack"]) == ("Add", "Topic", None)
    assert findings["findings"] == []
    assert ("Topic", "CREATE_COMPLETE") in {(one["logical_id"], one["status"]) for one in events}
    assert outputs["outputs"] == {"TopicArn": stack["Outputs"][0]["OutputValue"]}


def test_same_deployment_again_changes_nothing(project, aws):
    """It still tells where the environment is, and what is next."""
    first = project.deploy("pr1").out.splitlines()
    updated = stack_of(aws)
    again = project.deploy("pr1")
    assert (again.status, again.out.splitlines()[1:]) == (0, first[1:])
    assert project.plan("pr1")["empty"]
    (where,) = again.err.splitlines()
    assert aws.account in where
    assert stack_of(aws) == updated
    assert change_sets(aws) == []


def test_replacement_and_data_loss_are_shown_before_they_happen(project, aws):
    project.write(small_template({"Logs": log_group("/pr1/a"), "Named": topic(TopicName="a")}))
    project.deploy("pr1")
    project.write(small_template({"Named": topic(TopicName="b")}))
    done = project.deploy("pr1", "--json")
    assert done.status == 0, done.err
    changes = {each["logical_id"]: each for each in done.documents[0]["changes"]}
    assert [each for each in changes if changes[each]["loses_data"]] == ["Logs"]
    assert (changes["Logs"]["action"], changes["Named"]["replacement"]) == ("Remove", "True")
    assert [each["path"] for each in changes["Named"]["properties"]] == ["TopicName"]
    topics = aws("sns").list_topics()["Topics"]
    assert {one["TopicArn"].rsplit(":", 1)[-1] for one in topics} >= {"b"}


@pytest.mark.parametrize("after", [{}, {"Logs": log_group("/pr1/b")}])
def test_protected_environment_keeps_its_data(project, aws, after):
    project.write(small_template({"Logs": log_group("/pr1/a")}), pr=PROTECTED)
    project.deploy("pr1")
    project.write(small_template(after), pr=PROTECTED)
    done = project.deploy("pr1")
    assert (done.status, done.code, done.details) == (1, "data-loss", {"resources": ["Logs"]})
    (kept,) = aws("logs").describe_log_groups()["logGroups"]
    assert kept["logGroupName"] == "/pr1/a"
    assert project.deploy("pr1", "--allow-replacement", "Logs").status == 0


def test_environments_do_not_affect_each_other(project, aws):
    assert project.deploy("pr1").status == project.deploy("PR-2").status == 0
    assert sorted(names_of_stacks(aws)) == ["iot-pipeline-pr-2", "iot-pipeline-pr1"]
    assert project.run("destroy", "PR-2", "--yes").status == 0
    assert names_of_stacks(aws) == ["iot-pipeline-pr1"]


def test_plan_changes_nothing(project, aws):
    """No stack in review is left behind."""
    assert [each["logical_id"] for each in project.plan("pr1")["changes"]] == ["Topic"]
    assert names_of_stacks(aws) == []
    project.deploy("pr1")
    before = stack_of(aws)
    (change,) = project.plan("pr1", "--parameter", "DisplayName=x")["changes"]
    assert change["properties"][0]["path"] == "DisplayName"
    assert stack_of(aws) == before
    assert change_sets(aws) == []


def test_stack_in_review_counts_as_absent(project, aws):
    """A killed process leaves such a stack."""
    aws("cloudformation").create_change_set(
        StackName="iot-pipeline-pr1",
        ChangeSetName="left-over",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(small_template()),
        Parameters=[{"ParameterKey": "EnvironmentSuffix", "ParameterValue": "pr1"}],
    )
    assert stack_of(aws)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert project.deploy("pr1").status == 0
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_reviewed_plan_is_executed(project, aws):
    """It can create an environment or update one."""
    review = str(project.directory / "review.json")
    for parameter in ("first", "second"):
        options = ("--parameter", f"DisplayName={parameter}")
        assert project.run("plan", "pr1", *options, "--save", review).status == 0
        assert project.deploy("pr1", *options, "--reviewed", review).status == 0
    assert parameters_of(aws)["DisplayName"] == "second"


def test_outdated_review_is_refused(project, aws):
    review = str(project.directory / "review.json")
    project.deploy("pr1")
    project.run("plan", "pr1", "--parameter", "DisplayName=x", "--save", review)

    def refused(*options):
        done = project.deploy("pr1", *options, "--reviewed", review)
        assert (done.status, done.code) == (1, "review-outdated")
        assert change_sets(aws) == []
        return done.details["changed"]

    assert "parameters" in refused("--parameter", "DisplayName=y")
    project.write(small_template(outputs={"More": {"Value": "x"}}))
    assert "template" in refused("--parameter", "DisplayName=x")
    for file, changed in (
        ({"StackPolicy": POLICY}, "stack_policy"),
        ({"Tags": {"A": "b"}}, "tags"),
    ):
        project.write(small_template(), pr=file)
        assert changed in refused("--parameter", "DisplayName=x")
    project.write(small_template())
    project.deploy("pr1", "--image-tag", "v1")
    assert refused("--parameter", "DisplayName=x") == ["last_updated", "parameters"]


def test_template_that_cloudformation_rejects_is_invalid(project, aws):
    """Nothing is left behind."""
    project.write(small_template({"Topic": {"Type": "AWS::SNS::Topik"}}))
    done = project.deploy("pr1")
    assert (done.status, "Topik" in done.details["aws_message"]) == (3, True)
    assert names_of_stacks(aws) == []


@pytest.mark.parametrize("name", [file.stem for file in PARAMETER_FILES])
def test_template_deploys_with_every_parameter_file(project, aws, environments, name):
    """The first deployment has no image, and so no task. What is deployed has not drifted."""
    project.write_committed(name)
    plan, *_, outputs = project.deploy(name, "--json").documents
    added = {change["logical_id"] for change in plan["changes"]}
    assert added == environments[name]["Resources"].keys()
    assert outputs["outputs"].keys() == environments[name]["Outputs"].keys()
    assert described_service(aws, name)["desiredCount"] == 0
    assert project.run("status", name, "--drift", "--json").document["drift"] == []
    record_image(aws, name, "v1")
    assert project.deploy(name, "--image-tag", "v1").status == 0
    assert described_service(aws, name)["desiredCount"] > 0


def described_service(aws, suffix):
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack_of(aws, suffix)["Outputs"]}
    (service,) = aws("ecs").describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    return service


def test_tags_of_others_that_are_removed_are_planned(project, aws):
    project.deploy("pr1")
    stack = stack_of(aws)
    aws("cloudformation").update_stack(
        StackName="iot-pipeline-pr1",
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
            for each in stack["Parameters"]
        ],
        Tags=[*stack["Tags"], {"Key": "map-migrated", "Value": "x"}],
    )
    while stack_of(aws)["StackStatus"] != "UPDATE_COMPLETE":
        time.sleep(0.05)
    assert project.plan("pr1", "--image-tag", "v2")["removed_tags"] == ["map-migrated"]
