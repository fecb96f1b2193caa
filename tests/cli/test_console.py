"""What a user sees and answers."""

import re
import threading
import time
from pathlib import Path

import pytest

from deploying import (
    BUCKET,
    HELD,
    IMPOSSIBLE,
    PROTECTED,
    WAITS,
    command_named_in,
    log_group,
    names_of_stacks,
    signal_success,
    small_template,
    stack_of,
    topic,
)
from golden import compare_with_golden, transcript
from iot_pipeline_cfn.cli import deploy_wording, signs_of_life

GOLDEN = Path(__file__).with_name("golden") / "session.txt"
VARIABLE = {
    r"\d\d:\d\d:\d\dZ": "12:00:00Z",
    r"\d{4}-\d\d-\d\dT[0-9:.+]+": "2026-01-31T12:00:00+00:00",
    r"\d{12}": "123456789012",
    r"[0-9a-f]{8}-[0-9a-f-]{27}": "01234567-89ab-cdef-0123-456789abcdef",
    r"(Topic|database)-\w{12,13}\b": r"\1-ABCDEFGHIJKL",
}
"""Patterns of what differs in each run, and what replaces it."""

EVERYTHING = {"Principal": "*", "Resource": "*"}
POLICY = {"Statement": [{"Effect": "Allow", "Action": ["Update:*"]} | EVERYTHING]}
NAMED = small_template({"Logs": log_group("/pr1/a"), "Named": topic(TopicName="a")})
CHANGED = small_template({"Named": topic(TopicName="b")})
FAILING = small_template({"Impossible": IMPOSSIBLE})
BLOCKED = small_template({"Database": HELD})

DEPLOY = "deploy pr1 --yes"
DESTROY = "destroy pr1 --yes"
UNPROTECT = f"{DEPLOY} --parameter=DeletionProtection=disabled --allow-replacement Logs"
INSPECT = ("outputs pr1", "list", "status pr1 --drift", "events pr1")
SESSION = (
    # A template with its parameter file, and commands.
    ((NAMED, {}), "plan PR-1", DEPLOY, DEPLOY, *INSPECT),
    ((CHANGED, {"StackPolicy": POLICY}), DEPLOY),
    ((FAILING, {}), DEPLOY, "status pr1"),
    ((BLOCKED, {}), DEPLOY, "cancel pr1", DESTROY, DEPLOY, f"{DESTROY} --force", DESTROY),
    ((FAILING, {}), "outputs pr1", DEPLOY, "status pr1"),
    ((NAMED, PROTECTED), DEPLOY),
    ((small_template(), PROTECTED), DEPLOY, DESTROY, UNPROTECT, "destroy pr1", "list"),
)


def test_wording_of_a_session(project, monkeypatch):
    """Each command with its exit code, stdout and stderr."""
    monkeypatch.setattr(deploy_wording, "age", lambda _: "5 s")
    text = ""
    for (template, file), *commands in SESSION:
        project.write(template, pr=file)
        for command in commands:
            done = project.run(*command.split(), GITHUB_ACTOR="somebody")
            text += transcript(f"iot-pipeline {command}", done)
    for pattern, replacement in VARIABLE.items():
        text = re.sub(pattern, replacement, text)
    compare_with_golden(GOLDEN, text)


@pytest.mark.parametrize("answer", ["", "n", "nope"])
def test_declined_deployment_leaves_nothing(terminal, aws, answer):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("[y/N]")
    shown.type(answer)
    assert shown.end()[0] == 1
    assert names_of_stacks(aws) == []


def test_interrupted_question_leaves_nothing(terminal, aws):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("[y/N]")
    shown.interrupt()
    status, text = shown.end()
    assert (status, "Traceback" in text) == (130, False)
    assert names_of_stacks(aws) == []


def test_interruption_asks_and_a_second_one_detaches(terminal, project, aws):
    """The update continues, and the message names the command that follows it."""
    project.deploy("pr1")
    project.write(small_template(WAITS))
    shown = terminal("deploy", "pr1", "--yes", *BUCKET)
    shown.until("WaitCondition")
    while stack_of(aws)["StackStatus"] != "UPDATE_IN_PROGRESS":
        time.sleep(0.05)
    shown.until("updating pr1")
    shown.interrupt()
    shown.until("Interrupted: cancel the update? [y/N]")
    shown.interrupt()
    status, text = shown.end()
    assert status == 130
    assert command_named_in(text)[:3] == ["events", "--follow", "pr1"]
    assert stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS"


def test_sign_of_life_names_what_is_in_progress(project, aws, monkeypatch):
    """CI ends a job that says nothing for ten minutes."""
    monkeypatch.setattr(signs_of_life, "SECONDS", 0.2)
    project.write(small_template(WAITS))
    threading.Timer(1.5, signal_success, [aws]).start()
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    assert len(re.findall(r"still creating pr1 after \d s: Waits \(\d s\)", done.err)) > 1
