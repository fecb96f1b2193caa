"""The JSON documents of the commands follow their schemas."""

import json

import pytest
from jsonschema.validators import validator_for

from checkout import ROOT
from deploying import BUCKET, small_template
from documents import SCHEMAS, documents


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid(name):
    validator_for(SCHEMAS[name]).check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_documented(name):
    assert f"/{name}.schema.json)" in (ROOT / "docs/json.md").read_text()


def test_documents_of_deployments_follow_their_schemas(project):
    project.write(small_template(), prod={"Parameters": {"Durability": "protected"}})
    plan, findings = documents(project.run("plan", "prod", *BUCKET, "--json").out)
    assert (plan["stack"], findings["findings"]) == (None, [])
    lines = documents(project.deploy("prod", "--json").out)
    kinds = [line["type"] for line in lines]
    assert kinds[:2] + kinds[-1:] == ["plan", "findings", "outputs"]
    assert {*kinds[2:-1]} == {"event"}
    changed = small_template() | {"Description": "Changed."}
    changed["Resources"]["Topic"]["Properties"]["DisplayName"] = "Changed"
    project.write(changed, prod={"Parameters": {"Durability": "ephemeral"}})
    project.run("plan", "prod", *BUCKET, "--save", "plan.json")
    (saved,) = documents(json.dumps(json.loads((project.directory / "plan.json").read_text())))
    assert [change["action"] for change in saved["changes"]] == ["Modify"]


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
