"""The end-to-end scenario: one environment, from creation to deletion, on the emulator or on AWS.

Each step deploys or deletes through the service layer, as the commands do, and then checks the
result by what AWS's services return.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from iot_pipeline_cfn.deploy.bootstrap import ACCOUNT, find_setup
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.deployment import Plan
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.network_use import find_network, network_of
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.polling import poll
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

from .checks import CheckFailed, passed, require
from .probe import BURST, RATE, TOO_MANY_REQUESTS, Probe
from .rehearsal_target import Outputs, RehearsalTarget, find_service

CONSENT: Final = Consent(yes=True)
NOT_A_READING: Final = b'{"deviceId": 1}'
REFUSAL_OF_THE_API: Final = "Invalid request body"
"""The body with which the API refuses a reading; the container has other words."""
IMPOSSIBLE: Final = {
    "Type": "AWS::EC2::NatGateway",
    "DependsOn": "Service",
    "Properties": {"SubnetId": "subnet-0", "AllocationId": "eipalloc-0"},
}
"""A resource that cannot be created, and costs nothing."""


@dataclass
class Scenario:
    """An environment, and the place where it is."""

    operations: Operations
    request: DeploymentRequest
    target: RehearsalTarget
    outputs: Outputs = field(default_factory=Outputs)

    def deploy(self, *ignored: str, **parameters: object) -> Plan:
        """Deploy with parameters and without some preflight checks, and read the outputs."""
        given = {name: str(value) for name, value in parameters.items()}
        given = {**self.request.parameters, **given}
        request = replace(self.request, parameters=given, ignored=ignored)
        result = deploy(self.operations, request, CONSENT)
        self.read_outputs(result.stack)
        return result.plan

    def read_outputs(self, stack: Stack) -> None:
        """Take the outputs of a stack, and of the network that it shares."""
        name = network_of(self.request)
        network = find_network(self.operations, name) if name else None
        self.outputs.clear()
        for each in filter(None, (network, stack)):
            self.outputs.update(each.output_values)

    def sets_up_account(self) -> Iterator[Finding]:
        """Deploy the account's stack, whose roles the environment is then deployed with."""
        if find_setup(self._connection, self.operations.environment) is None:
            account, request = load_request(ACCOUNT, None, self.request.file.path.parent)
            bootstrap(
                replace(self.operations, environment=account, file=request.file), request, CONSENT
            )
        yield passed("account-set-up")

    def creates(self) -> Iterator[Finding]:
        """Create the environment without an image, after the network that it shares."""
        create_network(self.operations, self.request, CONSENT)
        self.target.begin()
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
        """Push the image."""
        yield passed("image-pushed", image=self._image)

    def starts_tasks(self) -> Iterator[Finding]:
        """Deploy the image, and start a task."""
        self.deploy(**{IMAGE_PARAMETER: self._image}, ThrottleRate=RATE, ThrottleBurst=BURST)
        require(self._desired_tasks(), "no-tasks-desired")
        yield passed("tasks-desired")
        self.target.start_tasks(self.outputs)
        yield passed("container-healthy")

    def ingests(self) -> Iterator[Finding]:
        """Send readings, and requests that must be refused."""
        probe = self._probe
        yield probe.store_reading()
        batch = [probe.next_reading() for _ in range(3)]
        probe.send(*batch)
        probe.require_stored(*batch)
        yield passed("batch-stored")
        stored = probe.count()
        body = json.dumps(probe.next_reading()).encode()
        probe.require_status(probe.ingest.post(body, authorized=False), 403, "unauthorized")
        # From outside the VPC, a private load balancer does not answer.
        with suppress(OSError) if self._scheme() == "internal" else nullcontext():
            probe.require_status(probe.ingest.bypass(body, {}), 403, "bypassing")
        answer = probe.ingest.post(NOT_A_READING)
        probe.require_status(answer, 400, "invalid")
        require(REFUSAL_OF_THE_API in answer.body, "invalid-reading-passed", body=answer.body)
        require(probe.count() == stored, "refused-reading-stored")
        yield passed("invalid-refused")

    def throttles(self) -> Iterator[Finding]:
        """Send readings until the API refuses one."""
        self.target.require_throttle()
        probe = self._probe
        before, accepted = probe.count(), 0
        answer = probe.ingest.send(probe.next_reading())
        while answer.status != TOO_MANY_REQUESTS:
            probe.require_accepted(answer)
            accepted += 1
            require(accepted < 10 * BURST, "not-throttled", requests=accepted)
            answer = probe.ingest.send(probe.next_reading())
        require(probe.count() == before + accepted, "reading-lost", store="PostgreSQL")
        yield passed("throttled", accepted=accepted)

    def rolls_back(self) -> Iterator[Finding]:
        """Deploy a resource that cannot be created, after a change that is then rolled back."""
        template = self.request.template
        broken = {**template, "Resources": {**template["Resources"], "Impossible": IMPOSSIBLE}}
        tasks = self._desired_tasks()
        given = {**self.request.parameters, "DesiredCount": str(tasks + 1)}
        request = replace(self.request, template=broken, parameters=given)
        self._require_error(ExitCode.ROLLED_BACK, lambda: deploy(self.operations, request, CONSENT))
        self._require_tasks(tasks)
        yield passed("rolled-back")
        yield self._probe.store_reading()

    def rotates_password(self) -> Iterator[Finding]:
        """Rotate the password of the database."""
        probe = self._probe
        yield probe.store_reading()
        deployment = self._deployment_id()
        self._connection.rds.modify_db_instance(
            DBInstanceIdentifier=self.outputs["DatabaseInstanceId"],
            RotateMasterUserPassword=True,
            ApplyImmediately=True,
        )
        self.target.change_password()
        try:
            for _ in poll(self.target.patience):
                if self._deployment_id() != deployment:
                    break
        except TimeoutError:
            raise CheckFailed("service-not-restarted") from None
        yield passed("service-restarted")
        yield probe.store_reading()
        yield from self.target.replace_tasks(self.operations, self.outputs)
        yield probe.store_reading()

    def becomes_private(self) -> Iterator[Finding]:
        """Change to private ingress, which replaces the load balancer, unless it is shared."""
        yield from self._change_ingress("private")

    def changes_back(self) -> Iterator[Finding]:
        """Change back to the ingress of the parameter file."""
        yield from self._change_ingress(self.request.file.parameters.get("Ingress", "public"))

    def is_destroyed(self) -> Iterator[Finding]:
        """Delete the environment, after lifting its protection."""
        yield from self.target.stop_tasks(self.outputs)
        kept = self._is_protected()
        if kept:
            self._require_error(ExitCode.REFUSED, lambda: destroy(self.operations, CONSENT))
            yield passed("deletion-refused")
            self.deploy(DeletionProtection="disabled")
        destroy(self.operations, CONSENT)
        left = self.target.find_leftovers(self.operations.environment.suffix)
        require(not left, "leftovers", operations=left)
        yield passed("no-leftovers", kept=kept)

    @property
    def _connection(self) -> Connection:
        return self.operations.connection

    @property
    def _probe(self) -> Probe:
        return self.target.find_probe(self.outputs)

    @cached_property
    def _image(self) -> str:
        return self.target.push_image(self.operations, self.request, self.outputs)

    def _change_ingress(self, ingress: str) -> Iterator[Finding]:
        has_own = "Ingress" in self.request.template["Parameters"]
        if self._is_protected():
            # The old load balancer would refuse its deletion and be left behind.
            self.deploy(DeletionProtection="disabled")
        if has_own:
            self.deploy("interruption", Ingress=ingress)
        scheme = self._scheme()
        expected = "internal" if ingress == "private" or not has_own else "internet-facing"
        require(scheme == expected, "wrong-scheme", scheme=scheme, expected=expected)
        yield passed(f"load-balancer-{expected}")
        probe = self._probe
        self.target.follow_load_balancer(self.outputs)
        yield probe.store_reading()

    def _scheme(self) -> str:
        (load_balancer,) = self._connection.elbv2.describe_load_balancers(
            LoadBalancerArns=[self.outputs["LoadBalancerArn"]]
        )["LoadBalancers"]
        return str(load_balancer["Scheme"])

    def _require_error(self, expected: ExitCode, act: Callable[[], object]) -> None:
        try:
            act()
        except DeploymentError as error:
            if error.exit_code is not expected:
                raise
        else:
            raise CheckFailed("error-missing", expected=expected.name)

    def _is_protected(self) -> bool:
        return self.operations.require_stack().termination_protection

    def _require_tasks(self, expected: int) -> None:
        desired = self._desired_tasks()
        require(desired == expected, "wrong-number-of-tasks", desired=desired, expected=expected)

    def _desired_tasks(self) -> int:
        return int(find_service(self._connection, self.outputs)["desiredCount"])

    def _deployment_id(self) -> str:
        deployments = find_service(self._connection, self.outputs)["deployments"]
        return str(next(each["id"] for each in deployments if each["status"] == "PRIMARY"))


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
    "ingress-back": Scenario.changes_back,
    "destroy": Scenario.is_destroyed,
}
