"""Running the scenario in a temporary emulator that is removed afterwards."""

import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.emulator import control
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding, Value

from .checks import CheckFailed, ServerMissing
from .scenario import STEPS, Scenario

INTERRUPTS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Step:
    """The result of a step: its checks, and the failure or the reason to skip the rest of it."""

    name: str
    checks: list[Finding]
    seconds: float
    failure: Finding | None = None
    skipped: Finding | None = None

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "name": self.name,
            "checks": [check.as_data() for check in self.checks],
            "seconds": self.seconds,
            "failure": self.failure.as_data() if self.failure else None,
            "skipped": self.skipped.as_data() if self.skipped else None,
        }


def rehearse(
    environment: Environment, request: DeploymentRequest, region: str, processor: Path
) -> Generator[Step]:
    """Run the scenario, and yield each step as it ends; a failed one is the last.

    Steps that need a container are skipped where this machine has no servers for it.

    Args:
        environment: The environment; nothing of this name is touched elsewhere.
        request: The template and the parameters.
        region: The region of the emulator.
        processor: The program in place of the container image.

    Raises:
        EmulatorError: when the emulator does not start.

    """
    with isolated_emulator(region) as (connection, resources):
        scenario = Scenario(environment, request, connection, processor.resolve(), resources)
        for name, act in STEPS.items():
            step = run_step(name, act, scenario)
            yield step
            if step.failure:
                break


def run_step(name: str, act: Callable[[Scenario], Iterator[Finding]], scenario: Scenario) -> Step:
    """Run a step, and return its result."""
    begun = time.monotonic()
    checks: list[Finding] = []
    failure = skipped = None
    try:
        checks.extend(act(scenario))
    except ServerMissing as error:
        skipped = error.finding
    except CheckFailed as error:
        failure = error.finding
    except DeploymentError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise KeyboardInterrupt from None
        details = {"reason": error.code, "message": str(error), "details": error.details}
        failure = CheckFailed("deployment-failed", **details).finding
    except (
        BotoCoreError,
        ClientError,
        HTTPException,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        # Including answers of AWS that are not as expected here.
        details = {"error": type(error).__name__, "message": str(error)}
        failure = CheckFailed("unexpected-error", **details).finding
    return Step(name, checks, time.monotonic() - begun, failure, skipped)


@contextmanager
def isolated_emulator(region: str) -> Iterator[tuple[Connection, ExitStack]]:
    """Run an emulator of its own, and give resources that end before it does.

    Signals do not interrupt the end: processes would be left running.
    """
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    try:
        with ExitStack() as resources:
            path = resources.enter_context(TemporaryDirectory(prefix="iot-pipeline-rehearsal-"))
            resources.callback(_stop, Path(path))
            try:
                emulator = control.start(Path(path), region)
                session = emulator_session()
                yield Connection(session, region, Target.LOCAL, emulator.endpoint_url), resources
            finally:
                for number in INTERRUPTS:
                    signal.signal(number, signal.SIG_IGN)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _stop(directory: Path) -> None:
    with suppress(control.EmulatorError):
        control.stop(directory)
