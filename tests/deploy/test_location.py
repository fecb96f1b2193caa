"""The account and the Region of every command: shown before anything, and refused where wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploying import BUCKET, command_named_in, names_of_stacks, small_template
from documents import documents
from iot_pipeline_cfn.deploy.connection import Target
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.location import Location, require_location
from iot_pipeline_cfn.template.parameters import ParameterFile

VERBS = (
    ("deploy", "pr1", "--yes", *BUCKET),
    ("plan", "pr1", *BUCKET),
    ("preflight", "pr1", *BUCKET),
    ("destroy", "pr1", "--yes"),
    ("cancel", "pr1"),
    ("status", "pr1"),
    ("outputs", "pr1"),
    ("events", "pr1"),
)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_first_line_names_stack_account_region_and_caller(project, aws, verb):
    aws("iam").create_account_alias(AccountAlias="factory")
    project.deploy("pr1")
    first = project.run(*verb).err.splitlines()[0]
    assert first == f"iot-pipeline-pr1 in {aws.account} (factory), {aws.region}, as root"


def test_list_names_account_and_region(project, aws):
    assert project.run("list").err.splitlines()[0] == f"{aws.account}, {aws.region}, as root"


@pytest.mark.parametrize("verb", [VERBS[0], *VERBS[5:], ("list",)], ids=lambda verb: verb[0])
def test_json_documents_have_the_location(project, aws, verb):
    project.deploy("pr1")
    for document in documents(project.run(*verb, "--json").out):
        location = document["location"]
        assert (location["account"], location["region"]) == (aws.account, aws.region)
        assert location["stack"] == (None if verb == ("list",) else "iot-pipeline-pr1")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    ("file", "code"),
    [({"Account": "999999999999"}, "wrong-account"), ({"Region": "eu-west-1"}, "wrong-region")],
)
def test_file_refuses_another_account_or_region(project, aws, verb, file, code):
    """Every command, and before it does anything."""
    project.write(small_template(), pr=file)
    done = project.run(*verb)
    assert (done.status, done.code) == (1, code)
    assert names_of_stacks(aws) == []


def test_file_allows_its_account_and_region(project, aws):
    project.write(small_template(), pr={"Account": aws.account, "Region": aws.region})
    assert project.deploy("pr1").status == 0


def test_emulator_is_any_account_and_region():
    """Production can be rehearsed."""
    file = ParameterFile(
        Path("prod.json"), {}, {}, None, account="999999999999", region="eu-west-1"
    )
    location = Location(Target.LOCAL, "000000000000", "", "us-east-1", "arn", "iot-pipeline-prod")
    require_location(location, file)
    with pytest.raises(DeploymentError):
        require_location(replace(location, target=Target.AWS), file)


def test_absent_environment_is_missing_in_an_account_and_a_region(project, aws):
    done = project.run("status", "pr1")
    assert (done.status, done.code) == (1, "absent")
    assert done.details == {"account": aws.account, "region": aws.region}


def test_reviewed_plan_holds_for_its_region_only(project):
    """Nothing else tells two creations apart."""
    project.run("plan", "pr1", *BUCKET, "--save", "plan.json")
    done = project.deploy("pr1", "--reviewed", "plan.json", AWS_REGION="eu-west-1")
    assert done.code == "review-outdated"
    assert done.details["changed"] == ["region"]


def test_command_to_go_on_with_has_the_profile(project):
    keys = f"[it]\naws_access_key_id={project.account}\naws_secret_access_key=made-up\n"
    (project.directory / "credentials").write_text(keys)
    project.deploy("pr1")
    done = project.run("status", "pr1", "--profile=it", AWS_SHARED_CREDENTIALS_FILE="credentials")
    assert done.status == 0, done.err
    project.write(small_template(), pr={"Parameters": {"Durability": "protected"}})
    project.deploy("pr1", "--profile=it", AWS_SHARED_CREDENTIALS_FILE="credentials")
    done = project.run(
        "destroy", "pr1", "--yes", "--profile=it", AWS_SHARED_CREDENTIALS_FILE="credentials"
    )
    assert command_named_in(done.err)[1:6] == [
        "pr1",
        "--region",
        project.region,
        "--profile",
        "it",
    ]
