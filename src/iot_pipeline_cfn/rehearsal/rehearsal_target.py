"""What the scenario needs of the place where its environment is: the emulator, or AWS."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.template.findings import Finding

from .checks import CheckFailed
from .probe import Probe


class Outputs(dict[str, str]):
    """The outputs of an environment."""

    def __missing__(self, name: str) -> str:
        """Fail the check that needs a missing output."""
        raise CheckFailed("output-missing", name=name)


class RehearsalTarget(Protocol):
    """The containers and stores of an environment, and everything that differs with the place."""

    @property
    def patience(self) -> float:
        """The seconds for what takes effect after a change, such as the service's restart."""

    def begin(self) -> None:
        """Take note of what exists before the environment."""

    def push_image(
        self, operations: Operations, request: DeploymentRequest, outputs: Outputs
    ) -> str:
        """Push the image to the environment's repository; return its tag or digest."""

    def start_tasks(self, outputs: Outputs) -> None:
        """Start the tasks that the service wants, and wait until they are ready."""

    def find_probe(self, outputs: Outputs) -> Probe:
        """Return the probe of an environment with tasks, without which a step is skipped."""

    def require_throttle(self) -> None:
        """Skip the step where the throttle cannot be observed."""

    def change_password(self) -> None:
        """Give the database the new password of its secret."""

    def replace_tasks(self, operations: Operations, outputs: Outputs) -> Iterator[Finding]:
        """Replace the tasks by those of the service's new deployment."""

    def follow_load_balancer(self, outputs: Outputs) -> None:
        """Register the tasks with a new load balancer."""

    def stop_tasks(self, outputs: Outputs) -> Iterator[Finding]:
        """Stop the tasks before the environment is deleted."""

    def find_leftovers(self, suffix: str) -> list[str]:
        """List the leftovers of the environment after its deletion."""


def find_service(connection: Connection, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the service of an environment as ECS describes it."""
    (service,) = connection.ecs.describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    return dict(service)
