"""The command `iot-pipeline review`, on files and on commits."""

import copy
import json
import shutil
import sys
import textwrap

import pytest

from checkout import PIPELINE, REGION, ROOT, run
from deploying import Project
from iot_pipeline_cfn.review.report.tables import code, escaped
from iot_pipeline_cfn.template import schemas
from iot_pipeline_cfn.template.schemas import MissingSchemasError
from review_cases import at, renamed

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "first"}}
TEMPLATE = {"Resources": {"Topic": TOPIC}}


def written(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def review(*arguments, cwd=ROOT):
    """Run the command to its end, as in a process of its own."""
    return Project(cwd, "any", "http://127.0.0.1:9", REGION).run("review", *arguments)


def git(directory, *arguments):
    identity = ("-c", "user.name=any", "-c", "user.email=any@example.com")
    done = run("git", *identity, *arguments, cwd=directory)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def pair(tmp_path):
    """A function that writes two templates, of which the second has what is set."""

    def make(after, before=TEMPLATE):
        return [
            written(tmp_path / f"{name}.json", content)
            for name, content in (("old", before), ("new", after))
        ]

    return make


@pytest.fixture
def repository(tmp_path, template):
    """A repository with a commit on main, and a branch on which something has changed."""
    directory = tmp_path / "repository"
    directory.mkdir()
    written(directory / "templates/iot-pipeline.json", template)
    shutil.copytree(ROOT / "parameters", directory / "parameters")
    git(directory, "init", "--quiet", "--initial-branch", "main")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "First")
    git(directory, "checkout", "--quiet", "-b", "branch")
    return directory


def change(repository, template, how):
    changed = copy.deepcopy(template)
    how(changed)
    written(repository / "templates/iot-pipeline.json", changed)


NAME = at("Database.DBName", "other")


def test_branch_is_compared_with_where_it_has_left_main(repository, template):
    """Whatever main has become since."""
    change(repository, template, NAME)
    git(repository, "commit", "--all", "--quiet", "--message", "Second")
    git(repository, "checkout", "--quiet", "main")
    change(repository, template, at("Vpc.CidrBlock", "10.1.0.0/16"))
    git(repository, "commit", "--all", "--quiet", "--message", "Other")
    git(repository, "checkout", "--quiet", "branch")
    done = review(cwd=repository)
    left = git(repository, "rev-parse", "--short=12", "HEAD^")
    assert (done.status, done.err) == (0, f"compared with {left}\n")
    assert "Data can be lost everywhere: Database." in done.out.splitlines()[0]
    assert "Vpc" not in done.out


def test_work_tree_is_compared_even_where_nothing_is_committed(repository, template):
    """A reviewer's own change, before it is one of a pull request."""
    change(repository, template, NAME)
    assert "Data can be lost" in review(cwd=repository).out
    git(repository, "checkout", "--quiet", "main", "--force")
    assert review(cwd=repository).out == "iot-pipeline: Nothing changes.\n"


def test_commit_can_be_named(repository, template):
    """Also by the environment, as make does."""
    change(repository, template, NAME)
    git(repository, "commit", "--all", "--quiet", "--message", "Second")
    first = git(repository, "rev-parse", "HEAD~1")
    for base in (first, "HEAD~1", "main"):
        assert "Data can be lost" in review("--base", base, cwd=repository).out
    assert "Nothing changes" in review("--base", "HEAD", cwd=repository).out


def test_parameter_file_alone_has_a_verdict(repository):
    """With what becomes of that kind, and that nothing becomes of the others."""
    path = repository / "parameters/prod.json"
    content = json.loads(path.read_text())
    content["Parameters"] |= {"DatabaseInstanceClass": "db.r7g.large"}
    content["Tags"] = {"CostCentre": "7"}
    written(path, content)
    done = review(cwd=repository)
    headline, *_ = done.out.splitlines()
    assert headline == ("iot-pipeline: Interruptions are possible in prod: Database.")
    assert "  dev, pr and staging: nothing\n" in done.out
    assert "DBInstanceClass: db.m7g.large -> db.r7g.large" in done.out
    assert "Tags change, and with them every resource that takes tags" in done.out


def test_readme_shows_what_is_printed(repository):
    """For a change of one parameter, NatGateways, of staging."""
    path = repository / "parameters/staging.json"
    path.write_text(path.read_text().replace("single", "per-zone"))
    shown = (
        (ROOT / "README.md").read_text().partition("    $ make review\n")[2].partition("\n\n`")[0]
    )
    assert review(cwd=repository).out.strip() == textwrap.dedent(shown).strip()


def test_parameter_that_is_not_given_any_more_is_kept_by_stacks(repository):
    """Only a new environment takes the default."""
    path = repository / "parameters/dev.json"
    content = json.loads(path.read_text())
    del content["Parameters"]["NatGateways"]
    written(path, content)
    assert review(cwd=repository).out.startswith("iot-pipeline: No effect on any environment: ")
    content["Parameters"] |= {"NatGateways": "single"}
    del content["Parameters"]["CapacityProvider"]
    written(path, content)
    done = review(cwd=repository)
    assert "What is made differs in new ones of dev: " in done.out
    assert "CapacityProvider: FARGATE_SPOT -> FARGATE" in done.out


def test_what_stays_for_life_is_not_to_be_changed(repository):
    """Deploying refuses it, too."""
    path = repository / "parameters/prod.json"
    path.write_text(path.read_text().replace("customer-managed", "aws-managed"))
    said = review(cwd=repository).out
    assert "EncryptionKey: cannot be changed" in said
    assert "Database is replaced by an empty one" in said


def test_kinds_that_come_and_go_are_named(repository):
    """A parameter file makes a kind of environment."""
    (repository / "parameters/staging.json").rename(repository / "parameters/qa.json")
    done = review(cwd=repository)
    assert "New in qa: 79 resources. " in done.out
    assert "  staging is gone: none can be deployed any more" in done.out


def test_template_that_comes_is_new(repository):
    """Where main has no such file."""
    (repository / "templates/iot-pipeline.json").rename(repository / "templates/other.json")
    done = review(cwd=repository)
    assert "other: New in dev" in done.out
    assert "  pr is new: 75 resources [pr]" in done.out


def test_file_that_does_not_fit_any_more_is_refused(repository, template):
    """By CloudFormation, once it is deployed."""
    changed = copy.deepcopy(template)
    changed["Parameters"]["NatGateways"]["AllowedValues"] = ["single", "per-zone"]
    written(repository / "templates/iot-pipeline.json", changed)
    done = review(cwd=repository)
    assert "CloudFormation refuses this in pr: NatGateways." in done.out
    assert "NatGateways: none is not one of single and per-zone" in done.out


def test_shallow_clone_says_what_is_missing(repository, tmp_path):
    """In one line, with what to do about it."""
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Second")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Third")
    clone = tmp_path / "clone"
    shallow = ("--depth", "1", "--no-single-branch", "--branch", "branch")
    git(tmp_path, "clone", "--quiet", *shallow, f"file://{repository}", str(clone))
    done = review(cwd=clone)
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "iot-pipeline: HEAD and origin/main have no commit in common, because this clone is "
        "shallow: git fetch --unshallow, or name one with --base (with make: BASE=...)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "templates: no templates here"),
        (("a.json",), "takes no files, or two"),
        (("a.json", "b.json"), "a.json: No such file or directory"),
        (("--json", "--markdown"), "exclude each other"),
        (("--parameters", "a.json"), "--parameters needs two files"),
        (("--fail-on", "everything"), "Invalid value for '--fail-on'"),
    ],
)
def test_what_is_not_understood_is_said_in_one_line(tmp_path, arguments, message):
    """On stderr, with exit code 2."""
    done = review(*arguments, cwd=tmp_path)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("is_repository", "arguments", "message"),
    [
        (False, (), "not a git repository"),
        (True, (), "neither origin/main nor"),
        (True, ("--base", "--output=pwned"), "there is no commit '--output=pwned'"),
    ],
)
def test_without_anything_to_compare_with_it_says_so(tmp_path, is_repository, arguments, message):
    """In one line, with what to do instead."""
    written(tmp_path / "templates/any.json", TEMPLATE)
    if is_repository:
        git(tmp_path, "init", "--quiet", "--initial-branch", "any")
    done = review(*arguments, cwd=tmp_path)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "pwned").exists()


def test_two_files_need_neither_git_nor_parameters(pair):
    """Whatever the templates are about."""
    files = pair({"Resources": {"Topic": TOPIC | {"Properties": {"DisplayName": "second"}}}})
    done = review(*files)
    assert done.out.splitlines() == [
        "new: Nothing is lost or replaced: 1 changed.",
        "",
        "Resources",
        "  Topic (AWS::SNS::Topic) changed",
        "    DisplayName: first -> second",
    ]


@pytest.mark.parametrize(
    ("severity", "status"),
    [("data-loss", 0), ("replacement", 0), ("interruption", 0), ("change", 10), ("note", 10)],
)
def test_exit_code_can_tell_how_bad_it_is(pair, severity, status):
    """What is asked for, or worse."""
    files = pair({"Resources": {"Topic": TOPIC | {"Properties": {}}}})
    assert review(*files, "--fail-on", severity).status == status
    assert review(*files).status == 0


def test_json_has_everything(pair, template):
    """With the vocabulary of change sets."""
    changed = copy.deepcopy(template)
    renamed("ReadingsValidator", "Validator")(changed)
    at("Database.DBName", "other")(changed)
    files = pair(changed, template)
    done = review(*files, "--parameters", "parameters/prod.json", "--json")
    data = json.loads(done.out)
    assert data["severity"] == "data-loss"
    (found,) = data["templates"]
    assert {"template", "severity", "headline", "general", "environments", "untouched"} == {*found}
    (environment,) = found["environments"]
    assert environment["kinds"] == ["prod"]
    assert {remark["about"] for remark in environment["remarks"]} >= {"data", "refused", "replaced"}
    (database,) = (one for one in environment["changes"] if one["logical_id"] == "Database")
    assert database == {
        "action": "Modify",
        "logical_id": "Database",
        "resource_type": "AWS::RDS::DBInstance",
        "replacement": "True",
        "interrupts": False,
        "properties": [
            {
                "name": "DBName",
                "behaviour": "replacement",
                "before": "iotdb",
                "after": "other",
                "because_of": "",
                "how": "",
            }
        ],
    }


NASTY = "a|b `c` <img src=x> @somebody **bold** [link](x) #1\nsecond ``line``"


def test_markdown_shows_text_as_it_is(pair):
    """Also within a table: no markup, no mention, one line."""
    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"]["Topic"]["Properties"]["DisplayName"] = NASTY
    done = review(*pair(changed), "--markdown")
    (row,) = (line for line in done.out.splitlines() if "DisplayName" in line)
    assert row == (
        "| `Topic` | changed | `DisplayName` | `first` | ``` a\\|b `c` <img src=x> @somebody "
        "**bold** [link](x) #1 second ``line`` ``` |"
    )


def test_terminal_is_not_commanded(pair):
    """What a template has in it is text."""
    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"]["Topic"]["Properties"]["DisplayName"] = "a\x1b[31mb"
    for form in ([], ["--markdown"]):
        done = review(*pair(changed), *form)
        assert "a?[31mb" in done.out
        assert "\x1b" not in done.out


def test_markdown_comes_with_the_verdict_first(pair, template):
    """What it is about is code, the environments follow, and the rest is folded."""
    changed = copy.deepcopy(template)
    at("Database.DBName", "other")(changed)
    files = pair(changed, template)
    options = [f"--parameters=parameters/{kind}.json" for kind in ("pr", "prod")]
    lines = review(*files, *options, "--markdown").out.splitlines()
    assert lines[:3] == [
        "### Review of `new`",
        "",
        "**Data can be lost everywhere: Database. CloudFormation refuses this in prod: Database.**",
    ]
    assert "- `Database` is replaced, because DBName changes: `iotdb` → `other`" in lines
    assert "- `Database` is refused: the stack policy denies Update:Replace *(prod)*" in lines
    folded = lines[lines.index("<details><summary>New revisions, Outputs, Resources</summary>") :]
    assert any("change with `Database`" in line for line in folded)
    assert "| `Service` | changed | `TaskDefinition` | `TaskDefinition` is replaced |  |" in folded
    assert folded[-2:] == ["</details>", ""]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a_b*c", "a\\_b\\*c"), ("<b> & @me", "\\<b\\> \\& &#64;me"), ("a\nb", "a b")],
)
def test_words_are_escaped(text, shown):
    """For Markdown, HTML and GitHub."""
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("a", "`a`"), ("`", "`` ` ``"), (" a", "`a`"), ("a``b", "``` a``b ```")],
)
def test_code_is_fenced(text, shown):
    """By more backticks than it has; what is long is cut."""
    assert code(text) == shown


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
    """Neither a parameter without echo, nor a property or a variable that is called so."""
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


def test_missing_schemas_are_told(monkeypatch):
    """With what to install."""
    monkeypatch.setattr("iot_pipeline_cfn.template.schemas.find_spec", lambda _: None)
    with pytest.raises(MissingSchemasError, match=r"iot-pipeline-cfn\[review\]"):
        schemas.read("resources/any.json")


def test_review_imports_nothing_that_it_does_not_need(pair):
    """Neither cfn-lint, whose files it reads, nor what draws on a terminal."""
    done = run(sys.executable, "-X", "importtime", str(PIPELINE), "review", *pair(TEMPLATE))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "iot_pipeline_cfn.review.reviewing" in imported
    assert not imported & {"boto3", "botocore", "cfnlint", "rich", "troposphere"}
