"""The end-to-end scenario: one environment in an emulator of its own, from creation to deletion.

Each step deploys or deletes through the service layer, as the commands do, and then checks the
result by what AWS's services return.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.deploy.bootstrap import ACCOUNT
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.deployment import Plan
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.ingest import Ingest
from iot_pipeline_cfn.deploy.network_use import find_network, network_of
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import DeploymentRequest, load_request
from iot_pipeline_cfn.deploy.service_layer import (
    Consent,
    bootstrap,
    create_network,
    deploy,
    destroy,
)
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .checks import CheckFailed, ServerMissing, passed, require
from .container import Container
from .leftovers import list_resources
from .local_task import deregister, find_service, register, running_task
from .probe import BURST, PATIENCE_SECONDS, RATE, TOO_MANY_REQUESTS, Probe
from .servers import postgresql_server, redis_server
from .stores import Stores

CONSENT: Final = Consent(yes=True)
IMAGE_TAG: Final = "rehearsal"
NOT_A_READING: Final = b'{"deviceId": 1}'
REFUSAL_OF_THE_API: Final = "Invalid request body"
"""The body with which the API refuses a reading; the container has other words."""
POLL_SECONDS: Final = 0.05

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


class Outputs(dict[str, str]):
    """The outputs of an environment."""

    def __missing__(self, name: str) -> str:
        """Fail the check that needs a missing output."""
        raise CheckFailed("output-missing", name=name)


@dataclass
class Scenario:
    """An environment, and everything that earlier steps have started for it."""

    environment: Environment
    request: DeploymentRequest
    connection: Connection
    processor: Path
    resources: ExitStack
    outputs: Outputs = field(default_factory=Outputs)
    before: Mapping[str, list[Any]] = field(default_factory=dict)
    container: Container | None = None
    missing: ServerMissing | None = None
    probe: Probe | None = None

    def deploy(self, *ignored: str, **parameters: object) -> Plan:
        """Deploy with parameters and without some preflight checks, and read the outputs."""
        given = {name: str(value) for name, value in parameters.items()}
        request = replace(self.request, parameters=given, ignored=ignored)
        result = deploy(self._operations, request, CONSENT)
        name = network_of(request)
        network = find_network(self._operations, name) if name else None
        self.outputs.clear()
        for stack in filter(None, (network, result.stack)):
            self.outputs.update({output.name: output.value for output in stack.outputs})
        return result.plan

    def sets_up_account(self) -> Iterator[Finding]:
        """Deploy the account's stack, whose roles the environment is then deployed with."""
        account, request = load_request(ACCOUNT, None, self.request.file.path.parent)
        result = bootstrap(replace(self._operations, environment=account), request, CONSENT)
        yield passed("account-set-up", outputs=len(result.stack.outputs))

    def creates(self) -> Iterator[Finding]:
        """Create the environment without an image, after the network that it shares."""
        create_network(self._operations, self.request, CONSENT)
        self.before = self._list_resources()
        self.deploy()
        yield passed("created")
        self._require_tasks(0)
        yield passed("no-tasks")

    def repeats(self) -> Iterator[Finding]:
        """Repeat the same deployment."""
        plan = self.deploy()
        changes = [change.logical_id for change in plan.changes]
        is_same = plan.empty and not plan.settings
        require(is_same, "repetition-changes", changed=[*changes, *plan.settings])
        yield passed("no-changes")

    def receives_image(self) -> Iterator[Finding]:
        """Record an image in the repository."""
        self.connection.ecr.put_image(
            repositoryName=self.outputs["RepositoryUri"].partition("/")[2],
            imageManifest=MANIFEST,
            imageTag=IMAGE_TAG,
        )
        yield passed("image-recorded")

    def starts_tasks(self) -> Iterator[Finding]:
        """Deploy the image, and start a task."""
        self.deploy(**{IMAGE_PARAMETER: IMAGE_TAG}, ThrottleRate=RATE, ThrottleBurst=BURST)
        require(self._desired_tasks(), "no-tasks-desired")
        yield passed("tasks-desired")
        stores = self._start_stores()
        self.probe = Probe(Ingest(self.connection, self.outputs), stores)
        self.container = self._start_container(stores)
        yield passed("container-healthy")

    def ingests(self) -> Iterator[Finding]:
        """Send readings, and requests that must be refused."""
        probe, _ = self._running()
        stores = probe.stores
        yield probe.store_reading()
        batch = [probe.next_reading() for _ in range(3)]
        probe.send(*batch)
        require(all(map(stores.has_stored, batch)), "reading-lost", store="PostgreSQL")
        yield passed("batch-stored")
        stored = stores.count()
        body = json.dumps(probe.next_reading()).encode()
        probe.require_status(probe.ingest.post(body, authorized=False), 403, "unauthorized")
        probe.require_status(probe.ingest.bypass(body, {}), 403, "bypassing")
        answer = probe.ingest.post(NOT_A_READING)
        probe.require_status(answer, 400, "invalid")
        require(REFUSAL_OF_THE_API in answer.body, "invalid-reading-passed", body=answer.body)
        require(stores.count() == stored, "refused-reading-stored")
        yield passed("invalid-refused")

    def throttles(self) -> Iterator[Finding]:
        """Send readings until the API refuses one."""
        probe, _ = self._running()
        before, accepted = probe.stores.count(), 0
        answer = probe.ingest.send(probe.next_reading())
        while answer.status != TOO_MANY_REQUESTS:
            probe.require_accepted(answer)
            accepted += 1
            require(accepted < 10 * BURST, "not-throttled", requests=accepted)
            answer = probe.ingest.send(probe.next_reading())
        require(probe.stores.count() == before + accepted, "reading-lost", store="PostgreSQL")
        yield passed("throttled", accepted=accepted)

    def rolls_back(self) -> Iterator[Finding]:
        """Deploy a resource that cannot be created, after a change that is then rolled back."""
        impossible = {
            "Type": "AWS::EC2::NatGateway",
            "DependsOn": "Service",
            "Properties": {"SubnetId": self.outputs["PublicSubnet1Id"], "AllocationId": "none"},
        }
        template = self.request.template
        broken = {**template, "Resources": {**template["Resources"], "Impossible": impossible}}
        tasks = self._desired_tasks()
        request = replace(
            self.request, template=broken, parameters={"DesiredCount": str(tasks + 1)}
        )
        self._require_error(
            ExitCode.ROLLED_BACK, lambda: deploy(self._operations, request, CONSENT)
        )
        self._require_tasks(tasks)
        yield passed("rolled-back")
        probe, _ = self._running()
        yield probe.store_reading()

    def rotates_password(self) -> Iterator[Finding]:
        """Rotate the password of the database."""
        probe, old = self._running()
        deployment = self._deployment_id()
        self.connection.rds.modify_db_instance(
            DBInstanceIdentifier=self.outputs["DatabaseInstanceId"],
            RotateMasterUserPassword=True,
            ApplyImmediately=True,
        )
        probe.stores.update_password()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._deployment_id() == deployment:
            require(time.monotonic() < deadline, "service-not-restarted")
            time.sleep(POLL_SECONDS)
        yield passed("service-restarted")
        yield probe.store_reading()
        self.container = self._start_container(probe.stores)
        yield probe.store_reading()
        # The password has changed: the old task, which has the former one, reads it again.
        probe.stores.disconnect()
        register(self.connection, self.outputs, old.port)
        yield probe.store_reading()
        register(self.connection, self.outputs, self.container.port)
        old.stop()

    def becomes_private(self) -> Iterator[Finding]:
        """Change to private ingress, which replaces the load balancer, unless it is shared."""
        if self._is_protected():
            # The old load balancer would refuse its deletion and be left behind.
            self.deploy(DeletionProtection="disabled")
        if "Ingress" in self.request.template["Parameters"]:
            self.deploy("interruption", Ingress="private")
        (load_balancer,) = self.connection.elbv2.describe_load_balancers(
            LoadBalancerArns=[self.outputs["LoadBalancerArn"]]
        )["LoadBalancers"]
        scheme = load_balancer["Scheme"]
        require(scheme == "internal", "load-balancer-not-internal", scheme=scheme)
        yield passed("load-balancer-internal")
        probe, container = self._running()
        register(self.connection, self.outputs, container.port)
        yield probe.store_reading()

    def is_destroyed(self) -> Iterator[Finding]:
        """Delete the environment, after lifting its protection."""
        if self.container:
            deregister(self.connection, self.outputs)
            self.container.stop()
            yield passed("container-stopped")
        kept = self._is_protected()
        if kept:
            self._require_error(ExitCode.REFUSED, lambda: destroy(self._operations, CONSENT))
            yield passed("deletion-refused")
            self.deploy(DeletionProtection="disabled")
        destroy(self._operations, CONSENT)
        after = self._list_resources()
        left = [name for name, found in after.items() if found != self.before[name]]
        require(not left, "leftovers", operations=left)
        yield passed("no-leftovers", kept=kept)

    @cached_property
    def _operations(self) -> Operations:
        return Operations(self.environment, self.connection, on_interrupt="leave")

    def _require_error(self, expected: ExitCode, act: Callable[[], object]) -> None:
        try:
            act()
        except DeploymentError as error:
            if error.exit_code is not expected:
                raise
        else:
            raise CheckFailed("error-missing", expected=expected.name)

    def _is_protected(self) -> bool:
        return self._operations.require_stack().termination_protection

    def _start_stores(self) -> Stores:
        try:
            database = self.resources.enter_context(postgresql_server(self.outputs["DatabaseName"]))
            cache = self.resources.enter_context(redis_server())
        except ServerMissing as error:
            self.missing = error
            raise
        stores = Stores(self.connection, self.outputs, database, cache)
        stores.update_password()
        stores.update_auth_token()
        return stores

    def _start_container(self, stores: Stores) -> Container:
        return self.resources.enter_context(
            running_task(self.connection, self.outputs, stores, self.processor)
        )

    def _running(self) -> tuple[Probe, Container]:
        """Return the probe and the container, without which a step is skipped."""
        if self.probe is None or self.container is None:
            raise self.missing or ServerMissing(
                "server-missing", server="PostgreSQL", package="postgresql"
            )
        return self.probe, self.container

    def _require_tasks(self, expected: int) -> None:
        desired = self._desired_tasks()
        require(desired == expected, "wrong-number-of-tasks", desired=desired, expected=expected)

    def _desired_tasks(self) -> int:
        return int(find_service(self.connection, self.outputs)["desiredCount"])

    def _deployment_id(self) -> str:
        deployments = find_service(self.connection, self.outputs)["deployments"]
        return str(next(each["id"] for each in deployments if each["status"] == "PRIMARY"))

    def _list_resources(self) -> dict[str, list[Any]]:
        return list_resources(self.connection.client)


STEPS: Final[Mapping[str, Callable[[Scenario], Iterator[Finding]]]] = {
    "bootstrap": Scenario.sets_up_account,
    "create": Scenario.creates,
    "repeat": Scenario.repeats,
    "push-image": Scenario.receives_image,
    "start-tasks": Scenario.starts_tasks,
    "ingest": Scenario.ingests,
    "throttle": Scenario.throttles,
    "rollback": Scenario.rolls_back,
    "rotate-password": Scenario.rotates_password,
    "private-ingress": Scenario.becomes_private,
    "destroy": Scenario.is_destroyed,
}
