"""Questions on a terminal."""

import time

import pytest

from deploying import BUCKET, command_named_in, small_template, stack_of


@pytest.mark.parametrize("answer", ["", "n", "nope"])
def test_declined_deployment_leaves_nothing(terminal, aws, answer):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("[y/N]")
    shown.type(answer)
    status, text = shown.end()
    assert status == 1
    assert "nothing was deployed" in text
    assert aws("cloudformation").describe_stacks()["Stacks"] == []


def test_interrupted_question_leaves_nothing(terminal, aws):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("[y/N]")
    shown.interrupt()
    status, text = shown.end()
    assert status == 130
    assert "Traceback" not in text
    assert aws("cloudformation").describe_stacks()["Stacks"] == []


def test_interruption_asks_and_a_second_one_detaches(terminal, project, aws):
    """The update continues, and the message names the command that follows it."""
    waits = {
        "Waits": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "CreationPolicy": {"ResourceSignal": {"Timeout": "PT20S"}},
        }
    }
    project.deploy("pr1")
    project.write(small_template(waits))
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
