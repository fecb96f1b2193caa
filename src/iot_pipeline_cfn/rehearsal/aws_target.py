"""AWS as the place of a rehearsal: ECS runs the tasks, and nobody reaches the stores."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.health import find_problems, has_failed
from iot_pipeline_cfn.deploy.image_delivery import push_image
from iot_pipeline_cfn.deploy.ingest import Ingest
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.orphans import find_orphans
from iot_pipeline_cfn.deploy.polling import answers
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.template.findings import Finding

from .checks import StepSkipped, require
from .probe import Probe
from .rehearsal_target import Outputs

PATIENCE_SECONDS: Final = 1800.0
SETTLING_SECONDS: Final = 180.0
"""How long the API may need for a new key, stage or integration after its deployment."""
TRANSIENT: Final = frozenset({403, 429, 500, 502, 503, 504})


@dataclass
class AwsTarget:
    """The connection to AWS, and the image to deploy: a directory, or the URI of one in ECR."""

    connection: Connection
    image: str
    patience: float = PATIENCE_SECONDS

    def begin(self) -> None:
        """Take note of nothing: other environments come and go meanwhile."""

    def push_image(self, operations: Operations, request: DeploymentRequest, _: Outputs) -> str:
        """Build or copy the image, and push it."""
        return push_image(operations, request, self.image)

    def start_tasks(self, outputs: Outputs) -> None:
        """Do nothing: a deployment ends once the tasks are healthy."""

    def find_probe(self, outputs: Outputs) -> Probe:
        """Return a probe that is patient with the API."""
        ingest = Ingest(self.connection, outputs)
        return Probe(ingest, patience=SETTLING_SECONDS, transient=TRANSIENT)

    def require_throttle(self) -> None:
        """Skip the step: API Gateway throttles on a best-effort basis.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
        """
        raise StepSkipped("throttle-inexact")

    def change_password(self) -> None:
        """Do nothing: RDS changes the password."""

    def replace_tasks(self, operations: Operations, outputs: Outputs) -> Iterator[Finding]:
        """Wait until the tasks of the service's new deployment are healthy, or it has failed."""
        ask = partial(find_problems, self.connection, operations.require_stack())
        problems: list[Finding] = []
        with suppress(TimeoutError):
            for problems in answers(ask, self.patience, operations.report_outage):
                if not problems or has_failed(problems):
                    break
        found = [f"{each.subject}: {each.code}" for each in problems]
        require(not found, "tasks-not-replaced", problems=found)
        yield from ()

    def follow_load_balancer(self, outputs: Outputs) -> None:
        """Do nothing: ECS registers the tasks."""

    def stop_tasks(self, _: Outputs) -> Iterator[Finding]:
        """Do nothing: the deletion stops the tasks."""
        yield from ()

    def find_leftovers(self, suffix: str) -> list[str]:
        """List the leftovers of the environment, except inactive task definitions."""
        orphans, unreadable = find_orphans(self.connection)
        left = [
            f"{each.kind} {each.id}"
            for each in orphans
            if each.environment == suffix and each.kind != "task-definitions"
        ]
        return [*left, *(f"{kind}: {reason}" for kind, reason in unreadable.items())]
