"""The command line, run as a person runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import PIPELINE, ROOT, run
from deploying import (
    BUCKET,
    PROGRAM,
    pipeline,
    stack_of,
)
from golden import compare_errors
from iot_pipeline_cfn import cli

pytestmark = pytest.mark.slow
"""Each test starts the program."""

GOLDEN = Path(__file__).with_name("golden") / "usage-errors.txt"
SLOW_TO_IMPORT = {"boto3", "botocore", "cfnlint", "ministack", "rich"}


@pytest.mark.parametrize("arguments", [["--help"], ["deploy", "--help"], ["validate"]])
def test_help_and_validation_import_nothing_that_is_slow_to_import(arguments):
    done = run(sys.executable, "-X", "importtime", str(PIPELINE), *arguments)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "iot_pipeline_cfn.template.parameters" in imported
    assert not imported & (SLOW_TO_IMPORT | {"troposphere"})


def test_help_names_every_command():
    for arguments, status in ((["--help"], 0), ([], 2)):
        done = pipeline(*arguments)
        assert done.status == status
        for command in cli.pipeline.commands:
            assert f"\n  {command} " in done.out + done.err
        assert "..." not in (done.out + done.err).partition("Commands:")[2]


def test_usage_error_is_reported_in_one_line(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    commands = (
        "validate",
        "valdiate",
        "validate --al",
        "plan",
        "plan pr1",
        "status pr1",
        "status pr1 --template a.json",
        "plan pr1 --timeout 0",
    )
    results = {each: pipeline(*each.split(), cwd=tmp_path) for each in commands}
    assert {done.status for done in results.values()} == {2}
    compare_errors(GOLDEN, "iot-pipeline", results)


@pytest.mark.parametrize("program", [(sys.executable, "generate.py"), (PIPELINE, "validate")])
def test_interruption_prints_no_traceback(program, tmp_path):
    """A named pipe in place of a file keeps the program waiting."""
    pipe = tmp_path / "iot-pipeline.json"
    os.mkfifo(pipe)
    option = "--check --directory" if "generate.py" in program else "parameters/pr.json --template"
    place = tmp_path if "generate.py" in program else pipe
    process = subprocess.Popen(
        [*program, *option.split(), str(place)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    # Opening the other end returns once the program reads from this one.
    with pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    # click first ends the line in which a terminal shows ^C.
    assert "interrupted" in said
    assert said.strip().count("\n") == 0


@pytest.mark.parametrize("verb", [("outputs", "pr1"), ("events", "pr1"), ("list",)])
def test_closed_pipe_is_no_failure(project, verb):
    """`head` closes it."""
    project.deploy("pr1")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [PROGRAM, *verb],
        check=False,
        env=project.environment,
        cwd=project.directory,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


def test_deployment_is_carried_out_although_its_output_cannot_be_written(project, aws):
    reader, writer = os.pipe()
    os.close(reader)
    command = [PROGRAM, "deploy", "pr1", "--yes", *BUCKET]
    with Path("/dev/full").open("w") as full:
        for stdout, stderr, status in ((writer, writer, 0), (full, subprocess.PIPE, 2)):
            done = subprocess.run(
                command,
                check=False,
                env=project.environment,
                cwd=project.directory,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
            )
            assert done.returncode == status
            assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
    os.close(writer)
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_without_streams_works(project, aws):
    """Some daemons start processes without any."""
    script = f"{PROGRAM} deploy pr1 --yes --bucket {BUCKET[1]} <&- >&- 2>&-"
    done = subprocess.run(
        ["sh", "-c", script], check=False, env=project.environment, cwd=project.directory
    )
    assert done.returncode == 0
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
