"""Following operations of one's own and of other processes, and interruptions."""

import json
import signal
import subprocess
import threading
import time

import pytest

from deploying import (
    BUCKET,
    HELD,
    IMPOSSIBLE,
    PROGRAM,
    PROTECTED,
    RETAINED_THEN_FAILED,
    WAITS,
    command_named_in,
    signal_success,
    small_template,
    stack_of,
    start_update,
)
from iot_pipeline_cfn.deploy import events

LATER = 1.5
"""Seconds in which a command comes to where it waits, on a busy machine too."""


def test_deployment_waits_for_another_operation(project, aws):
    """Then it finds nothing left to change."""
    done = start_update(project)
    assert done.code == "timed-out"
    threading.Timer(LATER, signal_success, [aws]).start()
    waited = project.deploy("pr1")
    assert (waited.status, waited.notices) == (0, ["waiting"])
    assert project.plan("pr1")["empty"]


def test_no_wait_refuses_while_another_operation_is_in_progress(project, aws):
    start_update(project)
    for verb in (["deploy", "pr1", "--yes"], ["plan", "pr1"], ["destroy", "pr1", "--yes"]):
        done = project.run(*verb, "--no-wait")
        assert (done.status, done.code) == (1, "busy")
    assert stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS"
    signal_success(aws)


def test_operation_in_progress_can_be_followed(project, aws):
    """The error of the timeout names the command."""
    command = command_named_in(start_update(project).err)
    threading.Timer(LATER, signal_success, [aws]).start()
    followed = project.run(*command, "--json")
    assert followed.status == 0
    first, *_, last = followed.documents
    assert (first["logical_id"], first["status"]) == ("iot-pipeline-pr1", "UPDATE_IN_PROGRESS")
    assert (last["logical_id"], last["status"]) == ("iot-pipeline-pr1", "UPDATE_COMPLETE")


def test_following_a_failed_operation_fails(project, aws):
    impossible = IMPOSSIBLE | {"DependsOn": "Waits"}
    project.write(small_template(WAITS | {"Impossible": impossible}))
    command = command_named_in(project.deploy("pr1", "--timeout", "0.3").err)
    threading.Timer(LATER, signal_success, [aws]).start()
    followed = project.run(*command)
    assert (followed.status, followed.code) == (4, "operation-failed")
    assert followed.details == {"status": "DELETE_COMPLETE"}
    assert project.run(*command).status == 1


def test_update_can_be_cancelled(project, aws):
    start_update(project)
    threading.Timer(LATER, signal_success, [aws]).start()
    done = project.run("cancel", "pr1", "--json")
    assert done.status == 0, done.err
    *events, result = done.documents
    assert {each["type"] for each in events} == {"event"}
    assert (result["environment"], result["state"]) == ("pr1", "UPDATE_ROLLBACK_COMPLETE")
    again = project.run("cancel", "pr1")
    assert (again.status, again.code) == (1, "no-update")


def test_half_finished_update_is_rolled_back_first(project, aws):
    """It was executed with rollback disabled."""
    project.deploy("pr1")
    cloudformation = aws("cloudformation")
    change_set = cloudformation.create_change_set(
        StackName="iot-pipeline-pr1",
        ChangeSetName="halfway",
        TemplateBody=json.dumps(small_template(RETAINED_THEN_FAILED)),
        Parameters=[{"ParameterKey": "EnvironmentSuffix", "UsePreviousValue": True}],
    )["Id"]
    cloudformation.execute_change_set(ChangeSetName=change_set, DisableRollback=True)
    while stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS":
        time.sleep(0.05)
    assert stack_of(aws)["StackStatus"] == "UPDATE_FAILED"
    refused = project.run("plan", "pr1")
    assert (refused.status, refused.code) == (1, "update-failed")
    done = project.deploy("pr1", "--image-tag", "v1")
    assert (done.status, done.notices) == (0, ["rolling-back"])
    assert len(aws("sns").list_topics()["Topics"]) == 1
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


def start(project, *arguments):
    """Start `iot-pipeline` without a terminal."""
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=project.directory,
        env=project.environment | {"IOT_PIPELINE_VERBOSE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process, aws, status, number=signal.SIGINT, suffix="pr1"):
    """Interrupt a process once it follows an operation."""
    shown = ""
    while "Waits" not in shown.partition("_IN_PROGRESS")[2]:
        shown += process.stderr.readline()
    assert stack_of(aws, suffix)["StackStatus"] == status
    time.sleep(0.2)
    process.send_signal(number)


def ended(process):
    """Return the exit code of a process, and the rest of what it said."""
    with process:
        said = process.communicate(timeout=30)[1]
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_deployment_goes_on_and_can_be_followed(project, aws, number):
    project.deploy("pr1")
    project.write(small_template(WAITS))
    process = start(project, "deploy", "pr1", "--yes", *BUCKET)
    interrupt(process, aws, "UPDATE_IN_PROGRESS", number)
    status, said = ended(process)
    assert status == 130
    assert "Traceback" not in said
    threading.Timer(LATER, signal_success, [aws]).start()
    assert project.run(*command_named_in(said)).status == 0
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


def test_interruption_cancels_the_update_on_request(project, aws):
    project.deploy("pr1")
    project.write(small_template(WAITS))
    process = start(project, "deploy", "pr1", "--yes", *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "UPDATE_IN_PROGRESS")
    time.sleep(0.5)
    signal_success(aws)
    status, said = ended(process)
    assert status == 4, said
    assert stack_of(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_interrupted_creation_of_a_protected_environment_can_be_destroyed(project, aws):
    resources = WAITS | {"Database": HELD}
    resources["Waits"] = resources["Waits"] | {"DependsOn": "Database"}
    project.write(small_template(resources), prod=PROTECTED)
    process = start(project, "deploy", "prod", "--yes", *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "CREATE_IN_PROGRESS", suffix="prod")
    status, said = ended(process)
    assert status == 5, said
    assert stack_of(aws, "prod")["StackStatus"] == "DELETE_FAILED"
    done = project.run(*command_named_in(said), "--yes")
    assert done.status == 0, done.err
    assert aws("rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_interruption_while_waiting_cancels_nothing(project, aws, verb):
    start_update(project)
    yes = ["--yes"] if verb == "deploy" else []
    process = start(project, verb, "pr1", *yes, *BUCKET, "--on-interrupt", "cancel")
    interrupt(process, aws, "UPDATE_IN_PROGRESS")
    assert ended(process)[0] == 130
    assert stack_of(aws)["StackStatus"] == "UPDATE_IN_PROGRESS"
    signal_success(aws)


def emulated(*resources, **asked):
    """Return a template that asks the emulator for events."""
    return small_template(*resources) | {"Metadata": {"Emulator": asked}}


def test_events_of_a_whole_creation_are_shown_although_all_is_configured_before_its_end(project):
    """AWS sends an event of the stack with the status of a beginning then."""
    project.write(emulated(ConfigurationComplete=True))
    assert project.deploy("pr1").status == 0
    first, *middle, _, last = project.run("events", "pr1", "--json").documents
    assert (first["status"], first["detailed_status"]) == ("CREATE_IN_PROGRESS", None)
    details = [each["detailed_status"] for each in middle if each["logical_id"] == "Topic"]
    assert details == [None, "CONFIGURATION_COMPLETE", None]
    assert last["status"] == "CREATE_COMPLETE"


def test_reason_of_a_hook_is_the_cause(project):
    project.write(emulated(Hook={"Topic": "topics are encrypted here"}))
    done = project.deploy("pr1")
    assert (done.status, done.code) == (4, "deployment-failed")
    assert done.details["cause"]["logical_id"] == "Topic"
    assert done.details["cause"]["reason"].endswith(": topics are encrypted here")


def test_success_is_that_of_this_operation(project, aws, monkeypatch):
    """AWS can show the events of an operation late: the stack is still complete from before."""
    monkeypatch.setattr(events, "GRACE", 0.2)
    project.deploy("pr1")
    project.write(emulated({"Impossible": IMPOSSIBLE}, LateSeconds=1))
    done = project.deploy("pr1")
    assert (done.status, done.code) == (4, "deployment-failed")
    assert done.details["status"] == "UPDATE_ROLLBACK_COMPLETE"
