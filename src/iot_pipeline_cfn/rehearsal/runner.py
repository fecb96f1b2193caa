"""Running the scenario in a temporary emulator that is removed afterwards."""

import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.emulator import control

from .emulator_target import EmulatorTarget
from .scenario import STEPS, Scenario
from .steps import INTERRUPTS, Step, run_step


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
        operations = Operations(environment, connection, on_interrupt="leave")
        target = EmulatorTarget(connection, processor.resolve(), resources)
        scenario = Scenario(operations, request, target)
        for name, act in STEPS.items():
            step = run_step(name, act, scenario)
            yield step
            if step.failure:
                break


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
