"""A whole rehearsal, which cleans up also when it is interrupted."""

import os
import signal
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from checkout import ROOT, make
from deploying import PROGRAM
from iot_pipeline_cfn.cli.rehearsal_wording import CHECK_WORDINGS, STEP_WORDINGS
from iot_pipeline_cfn.rehearsal.scenario import STEPS
from processing import wait_for


def test_production_passes_all_steps():
    done = make("rehearse", "ENV=prod")
    assert done.returncode == 0, done.stderr
    # Before the steps, make may report that it installs packages.
    shown = [line.split(None, 1) for line in done.stderr.splitlines()[-len(STEPS) :]]
    assert shown == [["ok", STEP_WORDINGS[name]] for name in STEPS]
    assert CHECK_WORDINGS["reading-cached"] in done.stdout
    assert CHECK_WORDINGS["no-leftovers"] in done.stdout


@pytest.fixture
def short_path():
    """A directory with a name short enough for a socket, which PostgreSQL can enter."""
    with TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.parametrize(
    ("number", "begun"),
    [
        (signal.SIGTERM, "iot-pipeline-rehearsal-*/emulator.log"),
        (signal.SIGINT, "iot-pipeline-rehearsal-*/emulator.json"),
        (signal.SIGHUP, "iot-pipeline-redis-*/redis.sock"),
    ],
    ids=["emulator starts", "emulator runs", "servers run"],
)
def test_interrupted_command_leaves_neither_files_nor_processes(short_path, number, begun):
    """The signal comes twice, as from a terminal by way of make."""
    rehearsal = subprocess.Popen(
        [PROGRAM, "rehearse"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(short_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(short_path.glob(begun)))
    rehearsal.send_signal(number)
    time.sleep(0.05)
    rehearsal.send_signal(number)
    rehearsal.communicate()
    # The second signal may come after the last message.
    assert rehearsal.returncode in {130, -number}
    assert list(short_path.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True)
    assert str(short_path) not in running.stdout
