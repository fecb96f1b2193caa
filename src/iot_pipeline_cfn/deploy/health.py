"""Whether an environment works as its stack says, by what its services answer.

CloudFormation can call a deployment complete although the service runs another task definition
(https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2538), and in express
mode it does not wait for resources
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.findings import Finding, Severity

from .cloudformation import Stack
from .concurrency import all_of
from .connection import Connection
from .errors import FindingsError, code_of
from .events import Event
from .following import limited
from .observer import Operation
from .operations import Operations
from .polling import answers

SETTLING_SECONDS: Final = 300.0
"""How long a complete deployment may take to work: auto scaling may have started a task just now,
which is healthy after its start and two health checks."""

Outputs = Mapping[str, str]
Answer = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A part of an environment that can be asked for its state, named by outputs of the stack."""

    resource_type: str
    outputs: tuple[str, ...]
    ask: Callable[[Connection, Outputs], Answer]
    state: Callable[[Mapping[str, Any]], str] = lambda _: ""
    ready: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    """States from which it does not become ready by itself."""

    @property
    def is_waited_for(self) -> bool:
        """Whether CloudFormation waits until it is ready, except in express mode."""
        return bool(self.ready)


PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "Service": Part(
            "AWS::ECS::Service",
            ("ClusterName", "ServiceName", "TaskDefinitionArn"),
            lambda connection, outputs: connection.ecs.describe_services(
                cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
            )["services"],
        ),
        "TargetGroup": Part(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            ("TargetGroupArn",),
            lambda connection, outputs: connection.elbv2.describe_target_health(
                TargetGroupArn=outputs["TargetGroupArn"]
            )["TargetHealthDescriptions"],
        ),
        "LoadBalancer": Part(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            ("LoadBalancerArn",),
            lambda connection, outputs: connection.elbv2.describe_load_balancers(
                LoadBalancerArns=[outputs["LoadBalancerArn"]]
            )["LoadBalancers"],
            lambda found: str(found["State"]["Code"]),
            ready=frozenset({"active", "active_impaired"}),
            failed=frozenset({"failed"}),
        ),
        "VpcLink": Part(
            "AWS::ApiGatewayV2::VpcLink",
            ("VpcLinkId",),
            lambda connection, outputs: [
                connection.apigatewayv2.get_vpc_link(VpcLinkId=outputs["VpcLinkId"])
            ],
            lambda found: str(found["VpcLinkStatus"]),
            ready=frozenset({"AVAILABLE"}),
            failed=frozenset({"FAILED"}),
        ),
        "Database": Part(
            "AWS::RDS::DBInstance",
            ("DatabaseInstanceId",),
            lambda connection, outputs: connection.rds.describe_db_instances(
                DBInstanceIdentifier=outputs["DatabaseInstanceId"]
            )["DBInstances"],
            lambda found: str(found["DBInstanceStatus"]),
            ready=frozenset({"available", "backing-up"}),
            failed=frozenset({"failed", "incompatible-network", "incompatible-parameters"}),
        ),
        "Cache": Part(
            "AWS::ElastiCache::ReplicationGroup",
            ("CacheReplicationGroupId",),
            lambda connection, outputs: connection.elasticache.describe_replication_groups(
                ReplicationGroupId=outputs["CacheReplicationGroupId"]
            )["ReplicationGroups"],
            lambda found: str(found["Status"]),
            ready=frozenset({"available", "snapshotting"}),
            failed=frozenset({"create-failed"}),
        ),
    }
)
"""The parts by their logical IDs. Their states are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html,
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/vpclinks-vpclinkid.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html and
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html
"""


def require_working(operations: Operations, stack: Stack) -> list[Finding]:
    """Require that an environment works as its stack says, and wait until it does.

    Without waiting, return what is not ready yet after an express creation.
    """
    ask = partial(find_problems, operations.connection, stack)
    with limited(operations, "the services"):
        problems = next(answers(ask, operations.timeout, operations.report_outage))
    if problems and not has_failed(problems):
        for problem in problems:
            operations.observer.notify(problem)
        if operations.wait:
            problems = _wait(operations, stack, ask, problems)
        elif stack.is_express:
            return problems
    if problems:
        suffix = operations.environment.suffix
        again = operations.command("deploy")
        message = f"{suffix} is deployed, but does not work; to check it again, run:\n    {again}"
        raise FindingsError(message, ExitCode.NOT_WORKING, problems, code="not-working")
    return []


def find_problems(connection: Connection, stack: Stack) -> list[Finding]:
    """Ask the services of an environment, at once, and return what does not work."""
    outputs = stack.output_values
    asked = {
        name: part
        for name, part in PARTS.items()
        if {*part.outputs} <= outputs.keys() and (stack.is_express or not part.is_waited_for)
    }
    found = all_of(*(partial(_ask, part, connection, outputs) for part in asked.values()))
    return list(judge(dict(zip(asked, found, strict=True)), outputs))


def _ask(part: Part, connection: Connection, outputs: Outputs) -> Answer:
    """Ask a service for a part; the answer is empty if the part does not exist."""
    try:
        return part.ask(connection, outputs)
    except ClientError as error:
        if "NotFound" in code_of(error):
            return []
        raise


def judge(found: Mapping[str, Answer], outputs: Outputs) -> Iterator[Finding]:
    """Find problems in the answers of the services, keyed by the logical ID of the part."""
    desired = 0
    if "Service" in found:
        services = [each for each in found["Service"] if each["status"] == "ACTIVE"]
        if not services:
            yield Finding("missing", Severity.ERROR, "Service")
        for service in services:
            desired = service["desiredCount"]
            yield from _judge_service(service, outputs["TaskDefinitionArn"])
    if desired and "TargetGroup" in found:
        yield from _judge_targets(found["TargetGroup"], desired)
    for name, answer in found.items():
        part = PARTS[name]
        if part.is_waited_for and not answer:
            yield Finding("missing", Severity.ERROR, name)
        for state in map(part.state, answer if part.is_waited_for else ()):
            if state not in part.ready:
                severity = Severity.ERROR if state in part.failed else Severity.WARNING
                yield Finding("not-available", severity, name, {"state": state})


def _judge_service(service: Mapping[str, Any], task_definition: str) -> Iterator[Finding]:
    """Yield how a service differs from a complete rollout of a task definition.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
    """
    if service["taskDefinition"] != task_definition:
        details = {"running": service["taskDefinition"], "expected": task_definition}
        yield Finding("other-task-definition", Severity.WARNING, "Service", details)
    for deployment in service["deployments"]:
        state = deployment.get("rolloutState", "COMPLETED")
        if deployment["status"] != "PRIMARY" or state == "COMPLETED":
            continue
        if state == "FAILED":
            details = {"reason": deployment.get("rolloutStateReason", "")}
            yield Finding("rollout-failed", Severity.ERROR, "Service", details)
        else:
            details = {name: deployment[f"{name}Count"] for name in ("running", "desired")}
            yield Finding("rollout-in-progress", Severity.WARNING, "Service", details)


def _judge_targets(targets: Answer, desired: int) -> Iterator[Finding]:
    """Yield a problem if there are fewer healthy targets than desired tasks."""
    health = [target["TargetHealth"] for target in targets]
    healthy = sum(each["State"] == "healthy" for each in health)
    if healthy < desired:
        reasons = sorted({each["Description"] for each in health if "Description" in each})
        details = {"healthy": healthy, "desired": desired, "reasons": reasons}
        yield Finding("targets-unhealthy", Severity.WARNING, "TargetGroup", details)


def has_failed(problems: Sequence[Finding]) -> bool:
    """Return whether waiting does not help."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def _wait(
    operations: Operations,
    stack: Stack,
    ask: Callable[[], list[Finding]],
    problems: list[Finding],
) -> list[Finding]:
    """Ask again until everything works, or the time is over; show what is waited for."""
    timeout = operations.timeout if stack.is_express else SETTLING_SECONDS
    shown: dict[str, Finding] = {}
    names = dict.fromkeys(problem.subject for problem in problems)
    with (
        operations.observer.watch(Operation.CHECK, operations.environment.suffix, names) as show,
        suppress(TimeoutError),
    ):
        for found in answers(ask, timeout, operations.report_outage):
            problems = found
            now = {problem.subject: problem for problem in problems}
            for name in PARTS:
                if now.get(name) != shown.get(name):
                    show(_event(name, now.get(name)))
            shown = now
            if not problems or has_failed(problems):
                break
    return problems


def _event(name: str, problem: Finding | None) -> Event:
    """Return the state of a part like an event of CloudFormation, for the same display."""
    return Event(
        id="",
        time=datetime.now(UTC),
        logical_id=name,
        physical_id="",
        resource_type=PARTS[name].resource_type,
        status="CREATE_IN_PROGRESS" if problem else "CREATE_COMPLETE",
        reason=str(problem.details.get("state", problem.code)) if problem else "",
        token="",
        of_stack=False,
    )
