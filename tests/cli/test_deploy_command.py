"""Planning, checking and deploying environments."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deploying import (
    BUCKET,
    names_of_stacks,
    record_image,
    small_template,
)
from documents import documents
from golden import compare_errors

GOLDEN = Path(__file__).with_name("golden") / "deploy-errors.txt"


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


def test_bad_input_is_refused_before_anything_is_created(project, aws):
    project.write(
        small_template(),
        tags={"Tags": {"Name": "x"}},
        key={"Parameter": {}},
        bucket={"Bucket": "No"},
    )
    invalid = ("deploy tags", "deploy pr1 --parameter Nonsense=1")
    commands = (
        *invalid,
        "deploy key",
        "deploy bucket",
        "deploy pr1 --parameter Nonsense",
        "deploy pr1 --parameter EnvironmentSuffix=other",
        "deploy pr1 --parameter A=a --parameter A=b",
        "deploy pr1 --image-tag v1 --parameter ImageTag=v2",
        "deploy pr1 --image-tag v1 --image app",
        "deploy pr1 --image app --reviewed templates/iot-pipeline.json",
        "deploy pr1 --image app",
        "deploy pr1 --template nowhere.json",
        "deploy pr1 --template parameters/pr.json",
        "deploy pr1 --reviewed nowhere.json",
        "deploy pr1 --region nowhere_1",
        "deploy pr1 --bucket s3://a",
        "deploy pr1 --ignore nonsense",
    )
    results = {each: project.run(*each.split(), "--yes") for each in commands}
    for command, done in results.items():
        assert done.status == (3 if command in invalid else 2), done.err
    assert names_of_stacks(aws) == []
    # A parameter is refused after the stack is known, and so after the account's line.
    last = {each: replace(done, err=f"{done.last_line}\n") for each, done in results.items()}
    compare_errors(GOLDEN, "iot-pipeline", last)


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
    project.write_committed("dev")
    review = ("--save", "review.json")
    verbs = [
        ("plan", "dev1", *BUCKET, *review),
        ("deploy", "dev1", "--yes", *BUCKET),
        ("deploy", "dev1", "--yes", *BUCKET, "--image-tag", "v1", "--json"),
        ("outputs", "dev1"),
        ("outputs", "dev1", "--json"),
        ("status", "dev1", "--drift"),
        ("events", "dev1"),
        ("list",),
        ("cancel", "dev1"),
        ("destroy", "dev1", "--yes"),
    ]
    printed, secrets = "", set()
    for verb in verbs:
        if "--image-tag" in verb:
            record_image(aws, "dev1", "v1")
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
        found.add(value)
        # A password may begin as an object does.
        with suppress(json.JSONDecodeError):
            found |= {part for part in json.loads(value).values() if len(part) > 12}
    return found
