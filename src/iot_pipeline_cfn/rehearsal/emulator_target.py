"""The local AWS emulator as the place of a rehearsal.

It runs no tasks, so the processor runs as a local process with local stores.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.ingest import Ingest
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import DeploymentRequest
from iot_pipeline_cfn.template.findings import Finding

from .checks import StepSkipped, passed
from .container import Container
from .leftovers import list_resources
from .local_task import deregister, register, running_task
from .probe import Probe
from .rehearsal_target import Outputs
from .servers import postgresql_server, redis_server
from .stores import Stores

PATIENCE_SECONDS: Final = 15.0
IMAGE_TAG: Final = "rehearsal"
MANIFEST: Final = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{'0' * 64}",
            "size": 2,
        },
        "layers": [],
    }
)
"""The manifest of an image, as a push records it; nothing runs it."""


@dataclass
class EmulatorTarget:
    """The container of an environment, its stores, and what the emulator had before it."""

    connection: Connection
    processor: Path
    resources: ExitStack
    before: Mapping[str, list[Any]] = field(default_factory=dict)
    stores: Stores | None = None
    container: Container | None = None
    missing: StepSkipped | None = None
    probe: Probe | None = None

    @property
    def patience(self) -> float:
        """The seconds for what takes effect after a change."""
        return PATIENCE_SECONDS

    def begin(self) -> None:
        """List all resources."""
        self.before = list_resources(self.connection.client)

    def push_image(self, _: Operations, __: DeploymentRequest, outputs: Outputs) -> str:
        """Record an image in the repository; nothing builds it."""
        self.connection.ecr.put_image(
            repositoryName=outputs["RepositoryUri"].partition("/")[2],
            imageManifest=MANIFEST,
            imageTag=IMAGE_TAG,
        )
        return IMAGE_TAG

    def start_tasks(self, outputs: Outputs) -> None:
        """Start PostgreSQL, Redis and the processor."""
        stores = self._start_stores(outputs)
        self.probe = Probe(Ingest(self.connection, outputs), stores)
        self.container = self._start_container(outputs, stores)

    def find_probe(self, _: Outputs) -> Probe:
        """Return the probe of a running processor."""
        if self.probe is None or self.container is None:
            raise self.missing or StepSkipped(
                "server-missing", server="PostgreSQL", package="postgresql"
            )
        return self.probe

    def require_throttle(self) -> None:
        """Accept the step: the emulator counts requests exactly."""

    def change_password(self) -> None:
        """Change the password of the master user, as RDS does."""
        if self.stores:
            self.stores.update_password()

    def replace_tasks(self, _: Operations, outputs: Outputs) -> Iterator[Finding]:
        """Start a new container; then the old one must still store readings, before it stops."""
        probe, old, stores = self.find_probe(outputs), self.container, self.stores
        if old is None or stores is None:
            return
        self.container = self._start_container(outputs, stores)
        yield probe.store_reading()
        # The password has changed: the old task, which has the former one, reads it again.
        stores.disconnect()
        register(self.connection, outputs, old.port)
        yield probe.store_reading()
        register(self.connection, outputs, self.container.port)
        old.stop()

    def follow_load_balancer(self, outputs: Outputs) -> None:
        """Register the container with the load balancer of the outputs."""
        if self.container:
            register(self.connection, outputs, self.container.port)

    def stop_tasks(self, outputs: Outputs) -> Iterator[Finding]:
        """Stop the container as ECS does."""
        if self.container:
            deregister(self.connection, outputs)
            self.container.stop()
            yield passed("container-stopped")

    def find_leftovers(self, _: str) -> list[str]:
        """Return the operations that list other resources than before."""
        after = list_resources(self.connection.client)
        return [name for name, found in after.items() if found != self.before[name]]

    def _start_stores(self, outputs: Outputs) -> Stores:
        try:
            database = self.resources.enter_context(postgresql_server(outputs["DatabaseName"]))
            cache = self.resources.enter_context(redis_server())
        except StepSkipped as error:
            self.missing = error
            raise
        self.stores = Stores(self.connection, outputs, database, cache)
        self.stores.update_password()
        self.stores.update_auth_token()
        return self.stores

    def _start_container(self, outputs: Outputs, stores: Stores) -> Container:
        return self.resources.enter_context(
            running_task(self.connection, outputs, stores, self.processor)
        )
