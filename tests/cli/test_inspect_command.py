"""Looking at environments: outputs, status, events and list."""

import json

from deploying import (
    BUCKET,
    small_template,
)
from documents import documents


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
        found = documents(project.run(*arguments, "--json").out)
        assert {document["type"] for document in found} == {kind}, arguments


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
