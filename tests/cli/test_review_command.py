"""The command `iot-pipeline review`, on files and on commits."""

import json
import re
import shutil
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest

from checkout import PIPELINE, ROOT, run
from deploying import pipeline
from golden import compare_errors
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Severity
from review_cases import anywhere, applied, at

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "first"}}
review = partial(pipeline, "review")
GOLDEN = Path(__file__).with_name("golden") / "review-errors.txt"
TEMPLATE = {"Resources": {"Topic": TOPIC}}


def written(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def reviewed(*arguments, cwd=ROOT):
    """Return the JSON that the command prints about the only template."""
    done = review(*arguments, "--json", cwd=cwd)
    assert done.status == 0, done.err
    (found,) = done.document["templates"]
    return found


def statements(found):
    """Return the statements of the headline, each with its environments and subjects."""
    return [
        (
            statement["code"],
            [place["environment_type"] for place in statement["environments"]],
            statement["subjects"],
        )
        for statement in found["statements"]
    ]


def findings(found):
    """Return the findings about environments as pairs of code and subject."""
    return {
        (finding["code"], finding["subject"])
        for group in found["environments"]
        for finding in group["findings"]
    }


def git(directory, *arguments):
    identity = ("-c", "user.name=any", "-c", "user.email=any@example.com")
    done = run("git", *identity, *arguments, cwd=directory)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def pair(tmp_path):
    """A function that writes two templates and returns their paths."""

    def make(after, before=TEMPLATE):
        return [
            written(tmp_path / f"{name}.json", content)
            for name, content in (("old", before), ("new", after))
        ]

    return make


@pytest.fixture
def repository(tmp_path, template):
    """A Git repository with a commit on main, and an empty branch."""
    directory = tmp_path / "repository"
    directory.mkdir()
    written(directory / "templates/iot-pipeline.json", template)
    ignored = shutil.ignore_patterns("account.json")
    shutil.copytree(ROOT / "parameters", directory / "parameters", ignore=ignored)
    git(directory, "init", "--quiet", "--initial-branch", "main")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "First")
    git(directory, "checkout", "--quiet", "-b", "branch")
    return directory


def change(repository, template, how):
    written(repository / "templates/iot-pipeline.json", applied(template, how))


NAME = at("Database.DBName", "other")


def test_branch_is_compared_with_its_merge_base(repository, template):
    change(repository, template, NAME)
    git(repository, "commit", "--all", "--quiet", "--message", "Second")
    git(repository, "checkout", "--quiet", "main")
    change(repository, template, at("Vpc.CidrBlock", "10.1.0.0/16"))
    git(repository, "commit", "--all", "--quiet", "--message", "Other")
    git(repository, "checkout", "--quiet", "branch")
    groups = reviewed(cwd=repository)["environments"]
    names = {each["logical_id"] for group in groups for each in group["changes"]}
    assert "Database" in names
    assert "Vpc" not in names


def test_uncommitted_changes_are_reviewed(repository, template):
    change(repository, template, NAME)
    assert reviewed(cwd=repository)["severity"] == "data-loss"
    git(repository, "checkout", "--quiet", "main", "--force")
    assert statements(reviewed(cwd=repository)) == [("no-change", [], [])]


def test_base_can_be_any_commit(repository, template):
    change(repository, template, NAME)
    git(repository, "commit", "--all", "--quiet", "--message", "Second")
    first = git(repository, "rev-parse", "HEAD~1")
    for base in (first, "HEAD~1", "main"):
        assert ("data-replaced", "Database") in findings(reviewed("--base", base, cwd=repository))
    assert reviewed("--base", "HEAD", cwd=repository)["severity"] is None


def test_change_of_a_parameter_file_is_reviewed(repository):
    path = repository / "parameters/prod.json"
    content = json.loads(path.read_text())
    content["Parameters"] |= {"DatabaseInstanceClass": "db.r7g.large"}
    content["Tags"] = {"CostCentre": "7"}
    written(path, content)
    found = reviewed(cwd=repository)
    assert statements(found) == [
        ("interruption", ["prod"], ["Database"]),
    ]
    assert found["unaffected"] == ["dev", "staging"]
    assert {("interrupted", "Database"), ("tags-changed", "Tags")} <= findings(found)


def test_readme_shows_the_printed_review(repository):
    path = repository / "templates/iot-pipeline.json"
    content = json.loads(path.read_text())
    content["Resources"]["Database"]["Properties"]["BackupRetentionPeriod"]["Fn::If"][1] = 3
    written(path, content)
    text = (ROOT / "README.md").read_text()
    shown = re.search(r"    \$ make review\n((?:    .*\n|\n)+)", text)[1]
    assert review(cwd=repository).out.strip() == textwrap.dedent(shown).strip()


def test_stacks_keep_parameters_that_are_no_longer_given(repository):
    """Only new environments get the default."""
    path = repository / "parameters/dev.json"
    content = json.loads(path.read_text())
    del content["Parameters"]["NatGateways"]
    written(path, content)
    assert statements(reviewed(cwd=repository)) == [("no-effect", [], [])]
    content["Parameters"] |= {"NatGateways": "single"}
    del content["Parameters"]["CapacityProvider"]
    written(path, content)
    found = reviewed(cwd=repository)
    assert statements(found) == [("new-differs", ["dev"], [])]
    (group,) = found["environments"]
    assert group["only_new"]
    values = [(part["before"], part["after"]) for part in group["changes"][0]["properties"]]
    assert ("FARGATE_SPOT", "FARGATE") in values


def test_fixed_parameter_must_not_change(repository):
    path = repository / "parameters/prod.json"
    path.write_text(path.read_text().replace("customer-managed", "aws-managed"))
    found = findings(reviewed(cwd=repository))
    assert {("fixed-parameter", "EncryptionKey"), ("data-replaced", "Database")} <= found


def test_parameter_file_makes_an_environment_type(repository):
    (repository / "parameters/staging.json").rename(repository / "parameters/qa.json")
    found = reviewed(cwd=repository)
    codes = [code for code, *_ in statements(found)]
    assert codes == ["environment-added", "no-resource-change"]
    assert {("environment-type-added", "qa"), ("environment-type-removed", "staging")} <= findings(
        found
    )


def test_added_template_is_new(repository):
    (repository / "templates/iot-pipeline.json").rename(repository / "templates/other.json")
    for path in (repository / "parameters").iterdir():
        written(path, json.loads(path.read_text()) | {"Template": "other"})
    done = review("--json", cwd=repository)
    by_name = {each["template"]: each for each in done.document["templates"]}
    added, removed = by_name["other"], by_name["iot-pipeline"]
    assert ("environment-type-added", "dev") in findings(added)
    assert ("environment-type-removed", "dev") in findings(removed)


def test_parameter_file_that_the_template_rejects(repository, template):
    allowed = anywhere("Parameters.NatGateways.AllowedValues", ["none", "per-zone"])
    change(repository, template, allowed)
    found = reviewed(cwd=repository)
    assert statements(found) == [("rejection", ["dev", "staging"], ["NatGateways"])]
    assert findings(found) == {("value-not-allowed", "NatGateways")}


def test_shallow_clone_is_reported_with_the_command_to_run(repository, tmp_path):
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Second")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Third")
    clone = tmp_path / "clone"
    shallow = ("--depth", "1", "--no-single-branch", "--branch", "branch")
    git(tmp_path, "clone", "--quiet", *shallow, f"file://{repository}", str(clone))
    done = review(cwd=clone)
    assert (done.status, "git fetch --unshallow" in done.err) == (2, True)


def test_error_is_reported_in_one_line(tmp_path):
    """Of the arguments, of the files, and of the repository."""
    commands = (
        *("a.json", "a.json b.json", "--json --markdown", "--parameters a.json"),
        *("--fail-on everything", ""),
    )
    results = {each: review(*each.split(), cwd=tmp_path) for each in commands}
    written(tmp_path / "templates/any.json", TEMPLATE)
    results["# without a repository"] = review(cwd=tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch", "any")
    results["# without origin"] = review(cwd=tmp_path)
    results["--base --output=pwned"] = review("--base", "--output=pwned", cwd=tmp_path)
    assert {done.status for done in results.values()} == {2}
    assert not (tmp_path / "pwned").exists()
    compare_errors(GOLDEN, "iot-pipeline review", results)


def test_two_files_are_compared_without_git_and_parameters(pair):
    second = TOPIC | {"Properties": {"DisplayName": "second"}}
    (group,) = reviewed(*pair({"Resources": {"Topic": second}}))["environments"]
    ((part,),) = [each["properties"] for each in group["changes"]]
    assert (part["path"], part["before"], part["after"]) == ("DisplayName", "first", "second")


@pytest.mark.parametrize(
    ("severity", "status"),
    [("data-loss", 0), ("replacement", 0), ("interruption", 0), ("change", 10), ("note", 10)],
)
def test_fail_on_sets_the_exit_code_from_a_severity_upwards(pair, severity, status):
    pair_of_files = pair({"Resources": {"Topic": TOPIC | {"Properties": {}}}})
    assert review(*pair_of_files, "--fail-on", severity).status == status
    assert review(*pair_of_files).status == 0


@pytest.mark.parametrize(
    ("severity", "status"), [("data-loss", 0), ("exposure", 0), ("error", 10), ("change", 10)]
)
def test_rejected_change_is_less_severe_than_data_loss_and_exposure(pair, severity, status):
    pair_of_files = pair({"Resources": {"Topic": {"Type": "AWS::SQS::QueuePolicy"}}})
    assert review(*pair_of_files, "--fail-on", severity).status == status


def test_json_has_data_loss_as_the_severity_of_a_rejected_change_that_loses_data(pair):
    queue = {"Type": "AWS::SQS::Queue"}
    before = {"Resources": {"Topic": TOPIC, "Queue": queue}}
    found = reviewed(*pair({"Resources": {"Topic": queue}}, before))
    assert {("type-changed", "Topic"), ("data-removed", "Queue")} <= findings(found)
    assert found["severity"] == "data-loss"


SECRETS = {
    "Parameters": {
        "Secret": {"Type": "String", "NoEcho": True, "Default": "hunter1", "AllowedValues": ["x"]}
    },
    "Resources": {
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"MasterUserPassword": "hunter2", "DBName": {"Ref": "Secret"}},
        },
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "ContainerDefinitions": [
                    {"Name": "a", "Environment": [{"Name": "DB_PASSWORD", "Value": "hunter3"}]}
                ]
            },
        },
    },
    "Outputs": {"Token": {"Value": "hunter4"}},
}


@pytest.mark.parametrize("form", ["--markdown", "--json", None])
@pytest.mark.parametrize("way", ["changed", "added", "removed"])
def test_secrets_are_never_shown(pair, tmp_path, form, way):
    """The values of `NoEcho` parameters and of secret properties are hidden."""
    changed = json.loads(json.dumps(SECRETS).replace("hunter", "jaeger"))
    bare = {"Resources": {"Topic": TOPIC}}
    before, after = {"changed": (SECRETS, changed), "added": (bare, changed)}.get(
        way, (SECRETS, bare)
    )
    parameters = written(tmp_path / "any.json", {"Parameters": {"Secret": "hunter5"}})
    options = ["--parameters", parameters, *([form] if form else [])]
    said = review(*pair(after, before), *options)
    assert said.status == 0
    assert "hunter" not in said.out + said.err
    assert "jaeger" not in said.out + said.err


def test_review_imports_nothing_that_is_slow_to_import(pair):
    """cfn-lint is needed only where resources change."""
    done = run(sys.executable, "-X", "importtime", str(PIPELINE), "review", *pair(TEMPLATE))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "iot_pipeline_cfn.review.reviewing" in imported
    assert not imported & {"boto3", "botocore", "cfnlint", "rich", "troposphere"}


# The examples of docs/reviewing.md, with the cases that they are.
EXAMPLES = [
    ("data-loss", "es-removed"),
    ("exposure", "cognito-open"),
    ("error", "rds-storage-shrink"),
    ("replacement", "lambda-permission-source"),
    ("interruption", "aurora-reader-removed"),
    ("warning", "cognito-delprot"),
    ("change", "sam-code"),
]


@pytest.mark.parametrize(("severity", "case"), EXAMPLES)
def test_fail_on_fails_for_the_example_of_its_severity_and_not_for_a_worse_one(severity, case):
    files = [str(ROOT / f"tests/review/cases/{case}/{side}.json") for side in ("old", "new")]
    assert review(*files, "--fail-on", severity).status == ExitCode.REVIEW_FAILED
    for worse in [*Severity][: Severity(severity).rank]:
        assert review(*files, "--fail-on", worse.value).status == ExitCode.DONE


def test_added_parameter_with_a_default_is_a_note(pair):
    files = pair({**TEMPLATE, "Parameters": {"Size": {"Type": "String", "Default": "1"}}})
    assert review(*files, "--fail-on", "note").status == ExitCode.REVIEW_FAILED
    assert review(*files, "--fail-on", "change").status == ExitCode.DONE
