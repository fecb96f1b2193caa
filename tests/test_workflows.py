"""What the workflows on GitHub call, and what they may."""

import json
import os
import re

import pytest
import yaml
from click import Group

from conftest import ROOT, make, run
from iot_pipeline_cfn.cli import pipeline

WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
}
JOBS = {
    f"{name}/{title}": job
    for name, workflow in WORKFLOWS.items()
    for title, job in workflow["jobs"].items()
}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
# YAML takes the key `on` for true.
ON = {name: workflow[True] for name, workflow in WORKFLOWS.items()}


def commands():
    """Return every line of every script, as its words."""
    lines = [line for step in STEPS if "run" in step for line in step["run"].splitlines()]
    return [line.split() for line in lines]


def test_every_target_that_is_called_is_there():
    """Or a file that make makes."""
    help_ = make("help").stdout
    targets = {line.split()[0] for line in help_.splitlines()} | {".venv/installed"}
    called = {words[1] for words in commands() if words[:1] == ["make"]}
    assert called <= targets
    assert called == {"check", "deploy", "destroy", ".venv/installed"}


@pytest.mark.parametrize(
    "words", [words for words in commands() if words[:1] == [".venv/bin/iot-pipeline"]]
)
def test_every_command_and_option_that_is_called_is_there(words):
    """As the command line has it."""
    command = pipeline.commands[words[1]]
    assert not isinstance(command, Group)
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_suite_is_the_readmes_command():
    """What CI runs is what a person runs."""
    assert ["make", "check"] in commands()
    assert "    make check " in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("step", [step for step in STEPS if "uses" in step], ids=str)
def test_actions_are_pinned_by_commit(step):
    """A tag can be moved; the version stands beside it."""
    text = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
    assert re.search(rf"{step['uses']} # v\d+\.\d+\.\d+\n", text)


def test_scripts_have_nothing_filled_in():
    """The name of a branch or a label could be a command."""
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        assert "${{" not in step.get("with", {}).get("script", "")


def test_each_job_has_what_it_needs_and_no_more():
    """Nothing is granted for a whole workflow, and a fork's code gets nothing but reading."""
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    granted = {name: job["permissions"] for name, job in JOBS.items()}
    reading = {"contents": "read"}
    assert granted == {
        "ci/check": reading,
        "comment/comment": {"actions": "read", "pull-requests": "write"},
        "environment/environment": {**reading, "id-token": "write", "pull-requests": "read"},
        "review/review": reading,
    }
    assert all(job["timeout-minutes"] for job in JOBS.values())


def test_what_may_write_runs_nothing_of_a_pull_request():
    """It checks nothing out, and runs no shell."""
    assert list(ON["comment"]) == ["workflow_run"]
    assert ON["comment"]["workflow_run"]["workflows"] == [WORKFLOWS["review"]["name"]]
    steps = JOBS["comment/comment"]["steps"]
    assert not any("run" in step or "checkout" in step["uses"] for step in steps)


def test_code_of_pull_requests_runs_with_their_own_rights():
    """Not with those of the default branch, as `pull_request_target` would."""
    events = {event for on in ON.values() for event in on}
    assert events == {"pull_request", "push", "workflow_run"}


ENVIRONMENT = JOBS["environment/environment"]


def test_role_is_for_branches_of_this_repository_only():
    """And what is installed never sees the credentials."""
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    assert ENVIRONMENT["if"].startswith(f"{own} && (")
    uses = [
        step.get("uses", step.get("run", "")).partition("@")[0] for step in ENVIRONMENT["steps"]
    ]
    assert uses.index("make .venv/installed") < uses.index("aws-actions/configure-aws-credentials")
    assert "secrets." not in str(WORKFLOWS)


def test_of_one_pull_request_one_job_runs_and_none_is_cancelled_halfway():
    """A job that is skipped has a group of its own: its condition decides the group as well."""
    concurrency = ENVIRONMENT["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    condition = ENVIRONMENT["if"].partition(" && ")[2]
    number = "github.event.pull_request.number || github.run_id"
    assert concurrency["group"] == f"environment-${{{{ {condition} && {number} }}}}"


@pytest.mark.parametrize(
    ("state", "labels", "expected"),
    [
        ("OPEN", ["environment"], "verb=deploy image="),
        ("OPEN", ["bug", "environment", "image:v1.2"], "verb=deploy image=v1.2"),
        ("OPEN", ["image:v1"], "verb=destroy image=v1"),
        ("OPEN", ["environment", "image:a\nverb=destroy", "image:$(id)"], "verb=deploy image="),
        ("MERGED", ["environment"], "verb=destroy image="),
        ("CLOSED", ["environment"], "verb=destroy image="),
    ],
)
def test_what_is_wanted_follows_from_the_pull_request(tmp_path, state, labels, expected):
    """Open and labelled; a tag that could be something else is none."""
    pull = {"state": state, "labels": [{"name": name} for name in labels]}
    (tmp_path / "gh").write_text('#!/bin/sh\nprintf "%s" "$PULL"\n')
    environment = {"PULL": json.dumps(pull), "GITHUB_OUTPUT": "output", "NUMBER": "1"}
    bash(tmp_path, "See what is wanted", environment | {"GITHUB_REPOSITORY": "a/b"})
    assert (tmp_path / "output").read_text().split("\n")[:-1] == expected.split(" ")


@pytest.mark.parametrize(("image", "expected"), [("", "unset"), ("v1", "v1")])
def test_without_a_label_make_is_told_no_image(tmp_path, image, expected):
    """The environment keeps the one that it has."""
    (tmp_path / "make").write_text('#!/bin/sh\necho "$1 ${IMAGE_TAG-unset}"\n')
    assert bash(tmp_path, "Deploy", {"IMAGE": image}) == f"deploy {expected}\n"


def bash(directory, step, environment):
    """Run the script of a step with stand-ins for programs, and return what it printed."""
    (script,) = [each["run"] for each in STEPS if each.get("name") == step]
    for program in directory.iterdir():
        program.chmod(0o755)
    environment["PATH"] = f"{directory}:{os.environ['PATH']}"
    done = run("bash", "-e", "-c", script, cwd=directory, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
