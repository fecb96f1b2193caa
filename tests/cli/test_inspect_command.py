"""Looking at environments: outputs, status, events and list."""

import json
from datetime import datetime

from botocore.exceptions import ClientError

from deploying import BUCKET, small_template
from iot_pipeline_cfn.deploy import inventory


def test_documents_about_environments_follow_their_schemas(project):
    project.deploy("pr1")
    for *arguments, kind in (
        ("outputs", "pr1", "outputs"),
        ("status", "pr1", "status"),
        ("status", "pr1", "--drift", "status"),
        ("list", "environments"),
        ("events", "pr1", "event"),
        ("preflight", "pr1", *BUCKET, "findings"),
    ):
        found = project.run(*arguments, "--json").documents
        assert {document["type"] for document in found} == {kind}, arguments
        assert len(found) == 1 or kind == "event"


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
    assert done.err.count("\n") == 2


def test_absent_environment_is_refused(project):
    for verb in ("outputs", "status", "events", "cancel"):
        done = project.run(verb, "pr1")
        assert (done.status, done.code) == (1, "absent"), verb


def test_status_compares_the_template_and_detects_drift(project):
    project.deploy("pr1")
    found = project.run("status", "pr1", "--json").document
    assert (found["state"], found["in_step_with_template"]) == ("CREATE_COMPLETE", True)
    assert datetime.fromisoformat(found["created"]).tzinfo
    project.write(small_template(outputs={"More": {"Value": "x"}}))
    found = project.run("status", "pr1", "--json", "--drift").document
    assert (found["in_step_with_template"], found["drift"]) == (False, [])


def test_list_shows_owner_image_and_protection(project):
    """An update does not change the owner."""
    project.write(small_template(), prod={"Parameters": {"Durability": "protected"}})
    project.deploy("PR-1", "--image-tag", "v1", GITHUB_ACTOR="somebody[bot]")
    project.deploy("PR-1", "--image-tag", "v2", GITHUB_ACTOR="somebody-else")
    project.deploy("prod", GITHUB_ACTOR="operator")
    first, second = project.run("list", "--json").document["environments"]
    assert (first["name"], first["stack"]) == ("PR-1", "iot-pipeline-pr-1")
    assert (first["state"], first["owner"]) == ("UPDATE_COMPLETE", "somebody-bot-")
    assert (first["image"], first["protected"]) == ("v2", False)
    assert (second["owner"], second["image"], second["protected"]) == ("operator", "", True)


def test_list_of_all_regions_tells_which_cannot_be_read(project, monkeypatch):
    """A policy of the organisation can deny a Region."""
    project.deploy("pr1", "--region", "eu-west-1")
    project.deploy("pr2")
    done = project.run("list", "--all-regions", "--json").document
    found = [(each["name"], each["region"]) for each in done["environments"]]
    assert found == [("pr2", "ap-northeast-1"), ("pr1", "eu-west-1")]
    assert done["unreadable_regions"] == []

    def stacks(connection):
        if connection.region == "eu-west-1":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeStacks")
        return environment_stacks(connection)

    environment_stacks = inventory.environment_stacks
    monkeypatch.setattr(inventory, "environment_stacks", stacks)
    denied = project.run("list", "--all-regions", "--json")
    assert [each["name"] for each in denied.document["environments"]] == ["pr2"]
    assert denied.document["unreadable_regions"] == ["eu-west-1"]
    assert project.run("list", "--region", "eu-west-1").status == 7
