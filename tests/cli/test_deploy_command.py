"""Planning, checking and deploying environments."""

import json

import pytest

from checkout import ROOT
from deploying import (
    BUCKET,
    names_of_stacks,
    record_image,
    small_template,
)
from documents import documents


def test_documents_of_deployments_follow_their_schemas(project):
    project.write(small_template(), prod={"Parameters": {"Durability": "protected"}})
    plan, findings = project.run("plan", "prod", *BUCKET, "--json").documents
    assert (plan["stack"], findings["findings"]) == (None, [])
    lines = project.deploy("prod", "--json").documents
    kinds = [line["type"] for line in lines]
    assert kinds[:2] + kinds[-1:] == ["plan", "findings", "outputs"]
    assert {*kinds[2:-1]} == {"event"}
    assert project.run("outputs", "prod", "--json").document == lines[-1]
    changed = small_template() | {"Description": "Changed."}
    changed["Resources"]["Topic"]["Properties"]["DisplayName"] = "Changed"
    project.write(changed, prod={"Parameters": {"Durability": "ephemeral"}})
    project.run("plan", "prod", *BUCKET, "--save", "plan.json")
    (saved,) = documents(json.dumps(json.loads((project.directory / "plan.json").read_text())))
    assert [change["action"] for change in saved["changes"]] == ["Modify"]


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
        ({}, ("--parameter", "EnvironmentSuffix=other"), (2, "is set by the deployer")),
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
