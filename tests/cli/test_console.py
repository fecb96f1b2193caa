"""What a person sees and answers, on a terminal of its own."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from deploying import BUCKET, PROGRAM, command_named_in, small_template, stack_of
from iot_pipeline_cfn.cli.deploy_wording import age

PATIENCE = 20


class Terminal:
    """A process on a pseudo terminal."""

    def __init__(self, project, *arguments):
        self.master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=project.directory,
            env=project.environment | {"TERM": "xterm", "COLUMNS": "150", "LINES": "40"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def until(self, text):
        """Read until a text appears."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self.read()

    def read(self):
        """Read the available output; return whether more can follow."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                # The last to have the terminal open is gone.
                return False
        return True

    def type(self, text):
        """Type a line."""
        os.write(self.master, text.encode() + b"\n")

    def interrupt(self):
        """Press Ctrl-C, after a delay so that the program waits for input."""
        time.sleep(0.3)
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Read to the end and return the exit code and the output without colours."""
        deadline = time.monotonic() + PATIENCE
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown[-2000:]
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return self.process.wait(PATIENCE), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)


@pytest.fixture
def terminal(project):
    """A function that runs `iot-pipeline` on a terminal."""
    terminals = []

    def run(*arguments):
        terminals.append(Terminal(project, *arguments))
        return terminals[-1]

    yield run
    for one in terminals:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


def test_deployment_asks_and_shows_its_progress(terminal, aws):
    shown = terminal("deploy", "pr1", *BUCKET)
    shown.until("Deploy pr1? [y/N]")
    assert "Topic" in shown.shown
    assert stack_of(aws)["StackStatus"] == "REVIEW_IN_PROGRESS"
    shown.type("y")
    status, text = shown.end()
    assert status == 0, text
    assert "creating pr1" in text
    assert "1/1" in text
    assert "TopicArn" in text
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


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


def test_destruction_asks_for_the_suffix(terminal, project, aws):
    """Any other answer deletes nothing."""
    project.deploy("PR-1")
    for typed, status, said in (("PR", 1, "nothing was deleted"), ("pr-1", 0, "pr-1 is deleted")):
        shown = terminal("destroy", "PR-1")
        shown.until("Type pr-1 to delete it")
        assert "Outcome" in shown.shown
        shown.type(typed)
        ended, text = shown.end()
        assert (ended, said in text) == (status, True), text
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


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=9), "9 d"),
        (-timedelta(seconds=5), "0 s"),
    ],
)
def test_age_is_shown_in_the_largest_unit(ago, shown):
    """A clock behind that of AWS shows 0 s."""
    assert age(datetime.now(UTC) - ago) == shown
