"""Starting and stopping the local AWS emulator, and finding the one that runs.

`emulator.json` describes the emulator of a directory. The process that starts an emulator locks the
file, and the emulator inherits the lock and keeps it until it ends. So there is never a second one,
and an unlocked description belongs to a process that is gone, even if another process has
its ID or its port by now. An emulator whose description is gone or damaged cannot be found any
more, and ends by itself.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import IO

from iot_pipeline_cfn.template.files import last_line

HOST = "127.0.0.1"
DIRECTORY = Path(".emulator")
"""Relative to the working directory of a command: each checkout has an emulator of its own."""
NOT_AVAILABLE = "NotAvailableInEmulator"
"""The error code of requests that only AWS can answer: a check that asks has nothing to report."""
TEMPLATE_BUCKET = "iot-pipeline-templates"
"""A bucket for templates, which CloudFormation takes inline up to 51,200 bytes only."""

RECORDED = {
    "AWS::ApiGatewayV2::VpcLink": "ministack has no VPC links",
    "AWS::ApplicationAutoScaling::ScalableTarget": "ministack has no Application Auto Scaling",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "ministack has no Application Auto Scaling",
}
"""Resource types that a stack only records, each with the reason."""

START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.02

INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH")
"""The variables that the emulator inherits: none that would change its behaviour."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    endpoint_url: str
    process_id: int
    started: datetime


class EmulatorError(Exception):
    """The emulator cannot be started or stopped; the message is one line for the user."""


def start(directory: Path, region: str) -> Emulator:
    """Return the emulator of a directory; start it if it is not running.

    The region is that of requests that name none.

    Raises:
        EmulatorError: when it is not installed or does not start.

    """
    if find_spec("ministack") is None:
        msg = (
            "the local AWS emulator is not installed: in the checkout, run make emulator-start, or "
            "pip install '.[local]'"
        )
        raise EmulatorError(msg)
    try:
        return _start(directory.resolve(), region)
    except OSError as error:
        msg = f"the local AWS emulator cannot start: {error.filename}: {error.strerror}"
        raise EmulatorError(msg) from None


def _start(directory: Path, region: str) -> Emulator:
    (directory / "tmp").mkdir(parents=True, exist_ok=True)
    spawned = False
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with description_of(directory).open("a+b") as file:
            if not _is_locked(file, fcntl.LOCK_EX):
                if spawned:
                    msg = f"the local AWS emulator ended while starting: {_last_words(directory)}"
                    raise EmulatorError(msg)
                file.truncate(0)
                _spawn(directory, region, file)
                spawned = True
            elif emulator := _described(file):
                return emulator
        time.sleep(POLL_SECONDS)
    msg = f"no answer after {START_SECONDS} s from the emulator: {_last_words(directory)}"
    raise EmulatorError(msg)


def running(directory: Path) -> Emulator | None:
    """Return the emulator of a directory if it is running and answers."""
    _, emulator = _inspect(directory)
    return emulator


def stop(directory: Path) -> bool:
    """End the emulator of a directory with all that it holds, and return whether it was running.

    Raises:
        EmulatorError: when it does not end.

    """
    deadline = time.monotonic() + STOP_SECONDS
    is_locked, emulator = _inspect(directory)
    # An emulator that is starting or ending holds the lock without a description.
    while emulator is None and is_locked and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        is_locked, emulator = _inspect(directory)
    if emulator is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(emulator.process_id, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            is_locked, current = _inspect(directory)
            if not is_locked or current not in {None, emulator}:
                return True
            time.sleep(POLL_SECONDS)
    msg = f"the local AWS emulator does not end: process {emulator.process_id}"
    raise EmulatorError(msg)


def description_of(directory: Path) -> Path:
    """Return the path of the file that describes the emulator of a directory."""
    return directory / "emulator.json"


def _inspect(directory: Path) -> tuple[bool, Emulator | None]:
    """Return whether an emulator has the lock, and the emulator once it answers."""
    try:
        with description_of(directory).open("rb") as file:
            is_locked = _is_locked(file, fcntl.LOCK_SH)
            return is_locked, _described(file) if is_locked else None
    except (FileNotFoundError, NotADirectoryError):
        return False, None


def _is_locked(file: IO[bytes], kind: int) -> bool:
    """Return whether another process has locked a file; lock it if none has."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _described(file: IO[bytes]) -> Emulator | None:
    """Read a description; return None where it is damaged, not written yet, or left behind."""
    file.seek(0)
    try:
        fields = json.loads(file.read())
        os.kill(fields["process_id"], 0)
        return Emulator(
            endpoint_url=f"http://{HOST}:{fields['port']}",
            process_id=fields["process_id"],
            started=datetime.fromisoformat(fields["started"]),
        )
    except (KeyError, OSError, TypeError, ValueError):
        return None


def _spawn(directory: Path, region: str, file: IO[bytes]) -> None:
    """Start an emulator that inherits the locked description."""
    temporary = str(directory / "tmp")
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        # Without Docker it starts no containers, and ends none of another ministack.
        "DOCKER_HOST": f"unix://{directory / 'no-docker'}",
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": region,
        "S3_DATA_DIR": temporary,
        "STATE_DIR": temporary,
        "TMPDIR": temporary,
    }
    with _log(directory).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __package__, directory, str(file.fileno())],
            cwd=temporary,
            env=environment,
            pass_fds=[file.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    # The emulator outlives this process; where it does not, it is no zombie.
    Thread(target=process.wait, daemon=True).start()


def _log(directory: Path) -> Path:
    return directory / "emulator.log"


def _last_words(directory: Path) -> str:
    return f"{last_line(_log(directory))} (see {_log(directory)})"
