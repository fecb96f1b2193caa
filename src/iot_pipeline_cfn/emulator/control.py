"""Starting and stopping the embedded AWS, and whether it runs.

Two files of its directory say so. `lock` is locked from the moment that somebody starts an emulator
to the end of the emulator's process, so that there is never a second one. `emulator.json` describes
the emulator and is locked by it: a description that nobody locks is that of a process which is
gone, whatever else has its process id or its port by now. An emulator whose description is gone or
damaged cannot be found any more, and ends by itself.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from iot_pipeline_cfn.template.files import last_line

HOST = "127.0.0.1"
DIRECTORY = Path(".emulator")
"""In the directory where a command runs: each checkout has an emulator of its own."""
NOT_AVAILABLE = "NotAvailableInEmulator"
"""The error code of requests that only AWS can answer: a check that asks has nothing to report."""
TEMPLATE_BUCKET = "iot-pipeline-templates"
"""A bucket for templates, which CloudFormation takes inline up to 51,200 bytes only."""

RECORDED = {
    "AWS::ApiGatewayV2::VpcLink": "ministack has no VPC links",
    "AWS::ApplicationAutoScaling::ScalableTarget": "ministack has no Application Auto Scaling",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "ministack has no Application Auto Scaling",
}
"""The resource types that a stack records while no service has them, with what is missing."""

START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.02

INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH")
"""What of the user's environment the emulator sees: nothing that would change how it behaves."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    endpoint_url: str
    process_id: int
    started: datetime


class EmulatorError(Exception):
    """The emulator cannot be started or stopped; the message is one line for the user."""


def start(directory: Path, region: str) -> Emulator:
    """Return the emulator of a directory, started if it does not run.

    The region is that of requests which name none.

    Raises:
        EmulatorError: when it is not installed, or does not start.

    """
    if find_spec("ministack") is None:
        msg = "the embedded AWS is not installed: pip install 'iot-pipeline-cfn[local]'"
        raise EmulatorError(msg)
    try:
        return _start(directory.resolve(), region)
    except OSError as error:
        msg = f"the embedded AWS cannot start: {error.filename}: {error.strerror}"
        raise EmulatorError(msg) from None


def _start(directory: Path, region: str) -> Emulator:
    spawned = False
    deadline = time.monotonic() + START_SECONDS
    while (emulator := running(directory)) is None:
        if time.monotonic() > deadline:
            msg = f"the embedded AWS does not answer after {START_SECONDS} s; see {_log(directory)}"
            raise EmulatorError(msg)
        with _locked(directory) as lock:
            if lock and spawned:
                raise EmulatorError(_why_it_ended(directory))
            if lock:
                _spawn(directory, region, lock)
                spawned = True
        time.sleep(POLL_SECONDS)
    return emulator


def running(directory: Path) -> Emulator | None:
    """Return the emulator of a directory if it runs and answers."""
    try:
        with description(directory).open("rb") as file:
            return None if _acquire(file, fcntl.LOCK_SH) else _described(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None


def stop(directory: Path) -> bool:
    """End the emulator of a directory with all that it holds, and return whether it ran.

    Raises:
        EmulatorError: when it does not end.

    """
    emulator = _awaited(directory)
    if emulator is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(emulator.process_id, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if running(directory) != emulator:
                return True
            time.sleep(POLL_SECONDS)
    msg = f"the embedded AWS does not end: process {emulator.process_id}"
    raise EmulatorError(msg)


def _awaited(directory: Path) -> Emulator | None:
    """Return the emulator of a directory; wait for one that is about to start or to end."""
    deadline = time.monotonic() + STOP_SECONDS
    while (emulator := running(directory)) is None and _busy(directory):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return emulator


def _busy(directory: Path) -> bool:
    """Return whether somebody has the lock."""
    try:
        with (directory / "lock").open("rb") as file:
            return not _acquire(file, fcntl.LOCK_SH)
    except (FileNotFoundError, NotADirectoryError):
        return False


def description(directory: Path) -> Path:
    """Return the file that describes the emulator of a directory."""
    return directory / "emulator.json"


def _described(content: bytes) -> Emulator | None:
    """Return the emulator of a description that is whole; without one, an emulator ends."""
    try:
        fields = json.loads(content)
        return Emulator(
            endpoint_url=f"http://{HOST}:{fields['port']}",
            process_id=int(fields["process_id"]),
            started=datetime.fromisoformat(fields["started"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def _locked(directory: Path) -> Iterator[IO[bytes] | None]:
    """Give the locked file, or nothing where an emulator has locked it, or somebody starts one."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("ab") as file:
        yield file if _acquire(file, fcntl.LOCK_EX) else None


def _acquire(file: IO[str] | IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _spawn(directory: Path, region: str, lock: IO[bytes]) -> None:
    """Start an emulator that inherits the lock and keeps it."""
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    with _log(directory).open("wb") as log:
        subprocess.run(
            [sys.executable, "-P", "-m", __package__, directory, str(lock.fileno())],
            check=False,
            cwd=temporary,
            env=_environment(directory, region),
            pass_fds=[lock.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _environment(directory: Path, region: str) -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        # Without Docker it starts no containers, and ends none of another ministack.
        "DOCKER_HOST": f"unix://{directory / 'no-docker'}",
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": region,
        "S3_DATA_DIR": str(directory / "tmp"),
        "STATE_DIR": str(directory / "tmp"),
        "TMPDIR": str(directory / "tmp"),
    }


def _log(directory: Path) -> Path:
    return directory / "emulator.log"


def _why_it_ended(directory: Path) -> str:
    log = _log(directory)
    return f"the embedded AWS ended while it started: {last_line(log)} (see {log})"
