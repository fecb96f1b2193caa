"""The container of a task: the program of its image, as a process on this machine."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from iot_pipeline_cfn.template.files import last_line

from .checks import CheckFailed
from .servers import HOST, free_port

START_SECONDS: Final = 30
RUN_SECONDS: Final = 120
"""The longest time for which a container waits for another one on Fargate."""
HEALTH_CHECK_SECONDS: Final = 5
POLL_SECONDS: Final = 0.05
STOP_SECONDS: Final = 30
"""The default time that ECS gives a container to stop before it kills it."""


@dataclass
class Container:
    """A container that may listen on a free port, where it can be started again."""

    program: Path
    variables: Mapping[str, str]
    log: Path
    command: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the program with its variables and no others."""
        address = ("--host", HOST, "--port", str(self.port))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, self.program, *self.command, *address],
                cwd=self.log.parent,
                env=self.variables,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def run(self) -> None:
        """Run the program to its end, as a container that must succeed before another starts."""
        try:
            status = self.start().wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            raise CheckFailed("container-not-ended", seconds=RUN_SECONDS) from None
        finally:
            self.kill()
        if status:
            raise CheckFailed("container-ended", status=status, log=last_line(self.log))

    def wait_until_healthy(self, path: str) -> None:
        """Wait until the health check of a path is answered with 200."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := self.health(path)) != "200":
            status = self.process.poll() if self.process else None
            if status is not None:
                raise CheckFailed("container-ended", status=status, log=last_line(self.log))
            if time.monotonic() > deadline:
                raise CheckFailed(
                    "container-unhealthy", path=path, answer=answer, log=last_line(self.log)
                )
            time.sleep(POLL_SECONDS)

    def health(self, path: str) -> str:
        """Return the status of the answer to a health check, or the name of an error."""
        client = HTTPConnection(HOST, self.port, timeout=HEALTH_CHECK_SECONDS)
        try:
            client.request("GET", path)
            return str(client.getresponse().status)
        except (OSError, HTTPException) as error:
            return type(error).__name__
        finally:
            client.close()

    def stop(self) -> None:
        """Stop the container as ECS does."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise CheckFailed("container-not-stopped", seconds=STOP_SECONDS) from None
        if status:
            raise CheckFailed("container-stopped-badly", status=status, log=last_line(self.log))

    def kill(self) -> None:
        """End the container at once, if it is running."""
        if self.process:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
