"""Deployments on the local AWS emulator."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from checkout import PARAMETER_FILES, ROOT
from deploying import (
    BUCKET,
    IMPOSSIBLE,
    PROGRAM,
    PROTECTED,
    log_group,
    names_of_stacks,
    record_image,
    small_template,
    stack_of,
    topic,
)
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

OURS = {"Key": ENVIRONMENT_TAG, "Value": "pr1"}
POLICY = {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Resource": "*"}]}


def change_sets(aws, suffix="pr1"):
    """Return the change sets of an environment that were not executed."""
    listed = aws("cloudformation").list_change_sets(StackName=f"iot-pipeline-{suffix}")
    return [one for one in listed["Summaries"] if "EXECUTE" not in one["ExecutionStatus"]]


def test_environment_is_created(project, aws):
    """Only the outputs go to stdout."""
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    stack = stack_of(aws)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert OURS in stack["Tags"]
    assert {"Key": "Environment", "Value": "pr1"} in stack["Tags"]
    assert {"Key": "Project", "Value": "iot-pipeline"} in stack["Tags"]
    assert done.out.splitlines()[1].split() == [
        "TopicArn",
        stack["Outputs"][0]["OutputValue"],
        "The",
        "topic.",
    ]
    assert "Add     Topic       AWS::SNS::Topic" in done.err
    assert "CREATE_COMPLETE       Topic (AWS::SNS::Topic)" in done.err


def test_same_deployment_again_changes_nothing(project, aws):
    first = project.deploy("pr1")
    updated = stack_of(aws)
    again = project.deploy("pr1")
    assert (again.status, again.out) == (0, first.out)
    assert again.err == "iot-pipeline-pr1: nothing to change\n"
    assert stack_of(aws) == updated
    assert change_sets(aws) == []


def test_update_keeps_parameters_that_are_not_given(project, aws):
    """An option overrides the file, and the file overrides the previous value."""
    project.deploy("pr1", "--image-tag", "v1", "--parameter", "DisplayName=second")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "second"}
    project.deploy("pr1", "--parameter", "DisplayName=third")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "third"}
    project.write(small_template(), pr={"Parameters": {"DisplayName": "of the file"}})
    project.deploy("pr1")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "of the file"}
    project.deploy("pr1", "--parameter", "DisplayName=of the option", IOT_PIPELINE_IMAGE_TAG="")
    assert values(aws) == {"ImageTag": "v1", "DisplayName": "of the option"}
    project.deploy("pr1", "--image-tag", "")
    assert values(aws) == {"ImageTag": "", "DisplayName": "of the file"}


def values(aws):
    found = {one["ParameterKey"]: one["ParameterValue"] for one in stack_of(aws)["Parameters"]}
    return {name: found[name] for name in ("ImageTag", "DisplayName")}


def test_replacement_and_data_loss_are_shown_before_they_happen(project, aws):
    project.write(small_template({"Logs": log_group("/pr1/a"), "Named": topic(TopicName="a")}))
    project.deploy("pr1")
    project.write(small_template({"Named": topic(TopicName="b")}))
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    assert "! Logs is removed; its data is lost" in done.err
    shown = {line.split()[-4]: line for line in done.err.splitlines() if "  yes  " in line}
    assert "TopicName" in next(iter(shown.values()))
    topics = aws("sns").list_topics()["Topics"]
    assert {one["TopicArn"].rsplit(":", 1)[-1] for one in topics} >= {"b"}


@pytest.mark.parametrize("after", [{}, {"Logs": log_group("/pr1/b")}])
def test_protected_environment_keeps_its_data(project, aws, after):
    project.write(small_template({"Logs": log_group("/pr1/a")}), pr=PROTECTED)
    project.deploy("pr1")
    project.write(small_template(after), pr=PROTECTED)
    done = project.deploy("pr1")
    assert (done.status, done.code, done.details) == (1, "data-loss", {"resources": ["Logs"]})
    assert ("because of LogGroupName" in done.err) is ("Logs" in after)
    assert done.last_line.endswith("--allow-replacement Logs")
    (kept,) = aws("logs").describe_log_groups()["logGroups"]
    assert kept["logGroupName"] == "/pr1/a"
    assert project.deploy("pr1", "--allow-replacement", "Logs").status == 0


def test_failed_creation_of_an_ephemeral_environment_is_deleted(project, aws):
    project.write(small_template({"Impossible": IMPOSSIBLE | {"DependsOn": "Topic"}}))
    done = project.deploy("pr1")
    assert (done.status, done.code) == (4, "deployment-failed")
    assert names_of_stacks(aws) == []
    assert aws("sns").list_topics()["Topics"] == []
    assert done.details["status"] == "DELETE_COMPLETE"
    assert done.details["cause"]["logical_id"] == "Impossible"


def test_failed_creation_of_a_protected_environment_is_removed_by_the_next_deployment(project, aws):
    kept = {"Parameters": {"Durability": "protected"}}
    project.write(small_template({"Impossible": IMPOSSIBLE}), pr=kept)
    assert project.deploy("pr1").status == 4
    assert stack_of(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    planned = project.run("plan", "pr1")
    assert (planned.status, planned.code) == (1, "creation-failed")
    project.write(small_template(), pr=kept)
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_failed_update_rolls_back(project, aws):
    before = project.deploy("pr1").out
    project.write(small_template({"Impossible": IMPOSSIBLE}))
    done = project.deploy("pr1")
    assert done.status == 4
    assert done.details["status"] == "UPDATE_ROLLBACK_COMPLETE"
    assert done.details["cause"]["logical_id"] == "Impossible"
    assert stack_of(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert project.run("outputs", "pr1").out == before
    project.write(small_template())
    assert project.deploy("pr1").status == 0


def test_environments_do_not_affect_each_other(project, aws):
    assert project.deploy("pr1").status == project.deploy("PR-2").status == 0
    assert sorted(names_of_stacks(aws)) == ["iot-pipeline-pr-2", "iot-pipeline-pr1"]
    assert project.run("destroy", "PR-2", "--yes").status == 0
    assert names_of_stacks(aws) == ["iot-pipeline-pr1"]


def test_name_with_the_suffix_of_another_name_is_refused(project, aws):
    project.deploy("PR-1")
    for verb in (["deploy", "--yes"], ["plan"], ["destroy", "--yes"], ["outputs"], ["status"]):
        done = project.run(verb[0], "pr_1", *verb[1:])
        assert (done.status, done.code) == (1, "another-name"), verb
        assert done.details["created_as"] == "PR-1"
    assert stack_of(aws, "pr-1")["StackStatus"] == "CREATE_COMPLETE"


def test_stack_of_another_tool_is_left_alone(project, aws):
    body = json.dumps({"Resources": {"Topic": topic()}})
    aws("cloudformation").create_stack(StackName="iot-pipeline-pr1", TemplateBody=body)
    for verb in (["deploy", "--yes"], ["plan"], ["destroy", "--yes"], ["cancel"]):
        done = project.run(verb[0], "pr1", *verb[1:])
        assert (done.status, done.code) == (1, "foreign-stack"), verb
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
    assert project.run("list").out == ""


def test_plan_changes_nothing(project, aws):
    """No stack in review is left behind."""
    done = project.run("plan", "pr1")
    assert done.status == 0
    assert "Topic" in done.out
    assert names_of_stacks(aws) == []
    project.deploy("pr1")
    before = stack_of(aws)
    assert "DisplayName" in project.run("plan", "pr1", "--parameter", "DisplayName=x").out
    assert stack_of(aws) == before
    assert change_sets(aws) == []
    assert "nothing to change" in project.run("plan", "pr1").err


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
    assert values(aws)["DisplayName"] == "second"


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


@pytest.mark.parametrize(
    ("files", "options", "refusal"),
    [
        ({}, ("--parameter", "Nonsense=1"), (3, "Nonsense: no such parameter")),
        ({}, ("--parameter", "Nonsense"), (2, "NAME=VALUE")),
        ({"pr": {"Tags": {"Name": "x"}}}, (), (3, "tag Name: is reserved")),
        ({"pr": {"Parameter": {}}}, (), (2, "'Parameter' is not one of Bucket,")),
        ({"pr": {"Bucket": "No"}}, (), (2, "Bucket must be the name of an S3 bucket")),
        ({}, ("--template", "nowhere.json"), (2, "nowhere.json: No such file or directory")),
        ({}, ("--reviewed", "nowhere.json"), (2, "nowhere.json: No such file or directory")),
        ({}, ("--region", "nowhere 1"), (2, "region")),
        ({}, ("--parameter", "EnvironmentSuffix=other"), (2, "comes from the environment's name")),
        ({}, ("--parameter", "A=a", "--parameter", "A=b"), (2, "is set twice")),
        ({}, ("--image-tag", "v1", "--parameter", "ImageTag=v2"), (2, "is set twice")),
        ({}, ("--bucket", "s3://a"), (2, "is not the name of an S3 bucket")),
        ({}, ("--template", "parameters/pr.json"), (2, "is not a template with")),
    ],
)
def test_bad_input_is_refused_before_anything_is_created(project, aws, files, options, refusal):
    """The error is one line."""
    status, said = refusal
    project.write(small_template(), **files)
    done = project.deploy("pr1", *options)
    assert done.status == status
    assert said in done.err
    assert done.err.count("\n") == 1
    assert names_of_stacks(aws) == []


def test_large_template_needs_a_bucket(project, aws):
    """The error comes before any call to AWS. The parameter file can name the bucket."""
    template = small_template() | {"Metadata": {"Padding": "x" * 60_000}}
    project.write(template)
    done = project.run("deploy", "pr1", "--yes", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (done.status, done.code) == (1, "bucket-needed")
    project.write(template, pr={"Bucket": "iot-pipeline-templates"})
    assert project.run("deploy", "pr1", "--yes").status == 0
    assert project.run("deploy", "pr1", "--yes", "--bucket", "not-there").status == 1
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_template_that_cloudformation_rejects_is_invalid(project, aws):
    """Nothing is left behind."""
    project.write(small_template({"Topic": {"Type": "AWS::SNS::Topik"}}))
    done = project.deploy("pr1")
    assert done.status == 3
    assert "Topik" in done.last_line
    assert names_of_stacks(aws) == []


def test_nothing_happens_without_consent(project, aws):
    """In CI a deployment needs none, but a deletion does."""
    done = project.run("deploy", "pr1")
    assert (done.status, names_of_stacks(aws)) == (2, [])
    assert done.code == "no-consent"
    assert project.run("deploy", "pr1", CI="false").status == 2
    assert project.run("deploy", "pr1", CI="true").status == 0
    done = project.run("destroy", "pr1", CI="true")
    assert done.status == 2
    assert names_of_stacks(aws) == ["iot-pipeline-pr1"]


def test_zones_are_chosen_once(project, aws):
    parameters = {
        name: {"Type": "String", "Default": ""}
        for name in ("AvailabilityZone1", "AvailabilityZone2")
    }
    project.write(small_template(parameters=parameters))
    project.deploy("pr1")
    found = {one["ParameterKey"]: one["ParameterValue"] for one in stack_of(aws)["Parameters"]}
    assert found["AvailabilityZone1"] == "ap-northeast-1a"
    assert found["AvailabilityZone2"] != found["AvailabilityZone1"]
    done = project.deploy("pr1", "--parameter", "AvailabilityZone1=ap-northeast-1d")
    assert (done.status, done.code) == (1, "fixed-parameter")
    assert done.details["parameter"] == "AvailabilityZone1"


def test_all_events_of_a_large_operation_are_shown(project):
    """There are more than 300, on several pages."""
    topics = {f"Topic{number}": topic() for number in range(150)}
    project.write(small_template(topics))
    done = project.deploy("pr1")
    assert done.status == 0
    assert done.err.count("CREATE_COMPLETE       Topic") == 151
    shown = project.run("events", "pr1").out.splitlines()
    assert len(shown) == 2 * 151 + 2
    lines = [json.loads(line) for line in project.run("events", "pr1", "--json").out.splitlines()]
    assert [line["status"] for line in lines][:1] == ["CREATE_IN_PROGRESS"]
    assert len(lines) == len(shown)


def test_json_is_for_scripts(project):
    """A line for the change set, what checks find, each event, and the outputs."""
    done = project.deploy("pr1", "--json")
    plan, findings, *events, outputs = map(json.loads, done.out.splitlines())
    assert findings["findings"] == []
    assert [change["logical_id"] for change in plan["changes"]] == ["Topic"]
    assert {event["type"] for event in events} == {"event"}
    assert outputs["outputs"].keys() == {"TopicArn"}
    assert json.loads(project.run("outputs", "pr1", "--json").out) == outputs
    status = json.loads(project.run("status", "pr1", "--json").out)
    assert status["state"] == "CREATE_COMPLETE"
    assert datetime.fromisoformat(status["created"]).tzinfo
    (listed,) = json.loads(project.run("list", "--json").out)["environments"]
    assert listed["name"] == "pr1"


def test_outputs_are_written_to_a_file(project):
    """Nothing is printed, and a symbolic link to the file stays one."""
    project.deploy("pr1")
    real, link = project.directory / "real.json", project.directory / "link.json"
    link.symlink_to(real)
    for file in ("outputs.json", "link.json"):
        assert project.run("outputs", "pr1", "--file", file).out == ""
        assert json.loads((project.directory / file).read_text()).keys() == {"TopicArn"}
    assert link.is_symlink()
    assert real.is_file()
    done = project.run("outputs", "pr1", "--file", "no/such/directory/outputs.json")
    assert done.status == 2
    assert done.err.count("\n") == 1


def test_absent_environment_is_refused(project):
    for verb in ("outputs", "status", "events", "cancel"):
        done = project.run(verb, "pr1")
        assert (done.status, done.code) == (1, "absent"), verb


def test_status_compares_the_template_and_detects_drift(project):
    project.deploy("pr1")
    assert json.loads(project.run("status", "pr1", "--json").out)["in_step_with_template"]
    project.write(small_template(outputs={"More": {"Value": "x"}}))
    found = json.loads(project.run("status", "pr1", "--json", "--drift").out)
    assert (found["in_step_with_template"], found["drift"]) == (False, [])


def test_list_shows_owner_image_and_protection(project):
    """An update does not change the owner."""
    project.write(small_template(), prod={"Parameters": {"Durability": "protected"}})
    project.deploy("PR-1", "--image-tag", "v1", GITHUB_ACTOR="somebody[bot]")
    project.deploy("PR-1", "--image-tag", "v2", GITHUB_ACTOR="somebody-else")
    project.deploy("prod", GITHUB_ACTOR="operator")
    first, second = project.run("list").out.splitlines()[1:]
    assert first.split()[:3] == ["PR-1", "iot-pipeline-pr-1", "UPDATE_COMPLETE"]
    assert first.split()[-3:] == ["somebody-bot-", "v2", "no"]
    assert second.split()[-3:] == ["operator", "none", "yes"]


@pytest.mark.parametrize("name", [file.stem for file in PARAMETER_FILES])
def test_template_deploys_with_every_parameter_file(project, aws, environments, name):
    """The first deployment has no image, and so no task."""
    file = ROOT / f"parameters/{name}.json"
    project.write(
        (ROOT / "templates/iot-pipeline.json").read_text(), **{name: json.loads(file.read_text())}
    )
    plan, *_, outputs = map(json.loads, project.deploy(name, "--json").out.splitlines())
    added = {change["logical_id"] for change in plan["changes"]}
    assert added == environments[name]["Resources"].keys()
    assert outputs["outputs"].keys() == environments[name]["Outputs"].keys()
    assert described_service(aws, name)["desiredCount"] == 0
    record_image(aws, name, "v1")
    assert project.deploy(name, "--image-tag", "v1").status == 0
    assert described_service(aws, name)["desiredCount"] > 0


def described_service(aws, suffix):
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack_of(aws, suffix)["Outputs"]}
    (service,) = aws("ecs").describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    return service


def test_secrets_are_never_printed(project, aws):
    """Secrets Manager holds them."""
    template = (ROOT / "templates/iot-pipeline.json").read_text()
    project.write(template, pr=json.loads((ROOT / "parameters/pr.json").read_text()))
    review = ("--save", "review.json")
    verbs = [
        ("plan", "pr1", *BUCKET, *review),
        ("deploy", "pr1", "--yes", *BUCKET),
        ("deploy", "pr1", "--yes", *BUCKET, "--image-tag", "v1", "--json"),
        ("outputs", "pr1"),
        ("outputs", "pr1", "--json"),
        ("status", "pr1", "--drift"),
        ("events", "pr1"),
        ("list",),
        ("cancel", "pr1"),
        ("destroy", "pr1", "--yes"),
    ]
    printed, secrets = "", set()
    for verb in verbs:
        if "--image-tag" in verb:
            record_image(aws, "pr1", "v1")
        done = project.run(*verb, "--debug")
        assert "cloudformation." in done.err
        printed += done.out + done.err
        secrets |= held_secrets(aws)
    printed += (project.directory / "review.json").read_text()
    assert len(secrets) >= 3
    assert [secret for secret in secrets if secret in printed] == []


def held_secrets(aws):
    """Return all that Secrets Manager holds, whole and by its parts."""
    client = aws("secretsmanager")
    found = set()
    for secret in client.list_secrets()["SecretList"]:
        value = client.get_secret_value(SecretId=secret["ARN"])["SecretString"]
        parts = json.loads(value) if value.startswith("{") else {}
        found |= {value, *(part for part in parts.values() if len(part) > 12)}
    return found


def test_outputs_alone_can_change(project, aws):
    """Such a change set has no resource changes."""
    project.deploy("pr1")
    project.write(small_template(outputs={"More": {"Value": "more", "Description": "More."}}))
    planned = project.run("plan", "pr1")
    assert "no resource changes, only outputs or metadata" in planned.err
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    assert "More" in done.out
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize("verb", [("outputs", "pr1"), ("events", "pr1"), ("list",)])
def test_closed_pipe_is_no_failure(project, verb):
    """`head` closes it."""
    project.deploy("pr1")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [PROGRAM, *verb],
        check=False,
        env=project.environment,
        cwd=project.directory,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_deployment_is_carried_out_although_its_output_cannot_be_written(project, aws):
    reader, writer = os.pipe()
    os.close(reader)
    command = [PROGRAM, "deploy", "pr1", "--yes", *BUCKET]
    with Path("/dev/full").open("w") as full:
        for stdout, stderr, status in ((writer, writer, 0), (full, subprocess.PIPE, 2)):
            done = subprocess.run(
                command,
                check=False,
                env=project.environment,
                cwd=project.directory,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
            )
            assert done.returncode == status
            assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
    os.close(writer)
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_without_streams_works(project, aws):
    """Some daemons start processes without any."""
    script = f"{PROGRAM} deploy pr1 --yes --bucket {BUCKET[1]} <&- >&- 2>&-"
    done = subprocess.run(
        ["sh", "-c", script], check=False, env=project.environment, cwd=project.directory
    )
    assert done.returncode == 0
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_stack_settings_are_planned_and_applied(project, aws):
    """No change set carries the stack policy and the termination protection."""
    project.deploy("pr1")
    project.write(small_template(), pr={"StackPolicy": POLICY})
    said = "the stack policy changes to that of the parameter file"
    for _ in range(2):
        assert said in project.run("plan", "pr1").err
    done = project.deploy("pr1")
    assert (done.status, said in done.err, "nothing to change" in done.err) == (0, True, False)
    found = aws("cloudformation").get_stack_policy(StackName="iot-pipeline-pr1")
    assert json.loads(found["StackPolicyBody"]) == POLICY
    assert "nothing to change" in project.deploy("pr1").err
