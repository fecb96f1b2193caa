"""Quotas: one table of what changes need of each, and of what counts against it.

Most accounts have AWS's default or more, so that Service Quotas is only asked where the default is
not enough.
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import find_stack
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.environments import STACK_PREFIX
from iot_pipeline_cfn.deploy.errors import code_of
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG
from iot_pipeline_cfn.template.capacity import ON_DEMAND, SPOT, service_tasks
from iot_pipeline_cfn.template.capacity import cache_nodes as nodes_of
from iot_pipeline_cfn.template.changes import Action, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value
from iot_pipeline_cfn.template.lookup import number, of_type, properties_of
from iot_pipeline_cfn.template.parameters import NETWORK_PARAMETER
from iot_pipeline_cfn.template.quotas import QUOTAS, Quota
from iot_pipeline_cfn.template.references import references

from . import consumers
from .checking import PreflightContext, changed_properties, report, set_parameter
from .consumers import Consumption
from .stack_owners import STACK_TAG, destroyable, grouped

NOT_APPLIED: Final = "NoSuchResourceException"
"""Returned when no custom quota is applied. Other errors are inconclusive."""

LIMIT_REACHED: Final = re.compile(
    "ServiceLimitExceeded|LimitExceeded|QuotaExceeded|maximum number of .* has been reached",
    re.IGNORECASE,
)
"""What CloudFormation's handlers report where a quota is reached
(https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html)."""

CHANGING: Final = frozenset({Action.ADD, Action.MODIFY})

NO_NAT_GATEWAYS: Final = set_parameter("NatGateways", "none")

NODE_COUNTS: Final = ("NumCacheClusters", "NumNodeGroups", "ReplicasPerNodeGroup")


@dataclass(frozen=True)
class Demand:
    """What changes need of a quota.

    Attributes:
        logical_ids: The resources that need it.
        amount: How much they need.
        scope: The zone or VPC whose quota it is, where that is not the region's.
        details: More facts for the finding.
        remediations: What the user can do besides destroying a consumer and raising the quota.
        is_stepwise: Whether the deployment succeeds without it too, in smaller steps.

    """

    logical_ids: Sequence[str]
    amount: float
    scope: str = ""
    details: Mapping[str, Value] = field(default_factory=dict)
    remediations: tuple[Remediation, ...] = ()
    is_stepwise: bool = False


@dataclass(frozen=True)
class QuotaCheck:
    """A row of the table: what changes need of a quota, and what counts against it now."""

    quota: str
    """Its name in `template.quotas`."""
    demands: Callable[[PreflightContext], Iterator[Demand]]
    consumption: Callable[[Connection, str], Consumption]
    """Lists what counts against it now, in the scope of a demand."""
    remediations: Callable[[Demand, Consumption], Sequence[Remediation]] = lambda demand, _: (
        demand.remediations
    )


def one_each(resource_type: str) -> Callable[[PreflightContext], Iterator[Demand]]:
    """Return the demand of a type whose every resource counts as one."""

    def demands(context: PreflightContext) -> Iterator[Demand]:
        if created := context.created(resource_type):
            yield Demand(created, len(created))

    return demands


def nat_gateways(context: PreflightContext) -> Iterator[Demand]:
    """Yield the NAT gateways that are created, by their zone."""
    subnets = of_type(context.resources, "AWS::EC2::Subnet")
    zones = defaultdict(list)
    for logical_id, properties in context.changed("AWS::EC2::NatGateway").items():
        subnet = subnets.get(next(references(properties.get("SubnetId")), ""), {})
        zone = subnet.get("AvailabilityZone")
        zones[zone if isinstance(zone, str) else ""].append(logical_id)
    for zone, logical_ids in sorted(zones.items()):
        yield Demand(logical_ids, len(logical_ids), zone, remediations=(NO_NAT_GATEWAYS,))


def interface_endpoints(context: PreflightContext) -> Iterator[Demand]:
    """Yield the interface endpoints that are added to the environment's existing VPC.

    A VPC that is created together with them has no others.
    """
    created = [
        logical_id
        for logical_id, endpoint in context.changed("AWS::EC2::VPCEndpoint").items()
        if endpoint.get("VpcEndpointType") in {"Interface", "GatewayLoadBalancer"}
    ]
    if not created or context.created("AWS::EC2::VPC"):
        return
    found = context.connection.ec2.describe_vpcs(
        Filters=[{"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [context.environment.name]}]
    )
    for vpc in found["Vpcs"]:
        yield Demand(created, len(created), vpc["VpcId"])


def target_groups(context: PreflightContext) -> Iterator[Demand]:
    """Yield the target groups that are created at the load balancer of a shared network."""
    created = context.created("AWS::ElasticLoadBalancingV2::TargetGroup")
    name = context.parameters.get(NETWORK_PARAMETER)
    if not created or not name:
        return
    if network := find_stack(context.connection.cloudformation, f"{STACK_PREFIX}{name}"):
        for output in network.outputs:
            if output.name == "LoadBalancerArn":
                yield Demand(created, len(created), output.value)


def cache_nodes(context: PreflightContext) -> Iterator[Demand]:
    """Yield the nodes that changes of replication groups add, as far as that is known."""
    group = "AWS::ElastiCache::ReplicationGroup"
    added = {
        logical_id: more
        for change in context.changes
        if change.resource_type == group and change.action in CHANGING
        for logical_id in [change.logical_id]
        if (more := _added_nodes(context, change)) > 0
    }
    if added:
        yield Demand(list(added), sum(added.values()))


def _added_nodes(context: PreflightContext, change: ResourceChange) -> int:
    after = properties_of(context.resources.get(change.logical_id))
    if change.creates:
        return nodes_of(after)
    parts = changed_properties(change)
    before: dict[str, Value] = {name: parts[name].before for name in NODE_COUNTS if name in parts}
    return 0 if None in before.values() else nodes_of(after) - nodes_of({**after, **before})


def fargate_tasks(provider: str) -> Callable[[PreflightContext], Iterator[Demand]]:
    """Return the vCPUs of the tasks of a capacity provider that changes start.

    A new task definition starts all tasks beside the running ones, as `MaximumPercent` is 200.
    Where the quota leaves no room for that, ECS replaces them in smaller steps.
    """

    def demands(context: PreflightContext) -> Iterator[Demand]:
        services = service_tasks(context.resources)
        for change in context.changes:
            tasks = services.get(change.logical_id)
            if not tasks or tasks.provider != provider or change.action not in CHANGING:
                continue
            at_once, more = _started_tasks(change, tasks.desired)
            if at_once * tasks.vcpu:
                yield Demand(
                    [change.logical_id],
                    at_once * tasks.vcpu,
                    details={"tasks": at_once, "vcpu_per_task": tasks.vcpu},
                    remediations=(Remediation("start-fewer-tasks"),),
                    is_stepwise=at_once > more,
                )

    return demands


def _started_tasks(change: ResourceChange, desired: int) -> tuple[int, int]:
    """Return how many tasks start beside the running ones, and how many more run in the end.

    Where the number of running tasks is unknown, assume that it equals `DesiredCount`.
    """
    changed = changed_properties(change)
    # On-demand and Spot have different quotas.
    if change.creates or "CapacityProviderStrategy" in changed:
        return desired, desired
    count = changed.get("DesiredCount")
    if count is not None and count.before is None:
        return desired, 0
    more = 0 if count is None else max(desired - int(number(count.before)), 0)
    return (desired if "TaskDefinition" in changed else more), more


def elastic_ip_remediations(demand: Demand, consumption: Consumption) -> Sequence[Remediation]:
    """Return how to need fewer Elastic IPs: no NAT gateways, or an unassociated address."""
    idle = [
        each.name for each in consumption.consumers if each.is_idle and STACK_TAG not in each.tags
    ]
    if not idle or "NatElasticIp1" not in demand.logical_ids:
        return [NO_NAT_GATEWAYS]
    # Only the first NAT gateway takes a given address.
    return [NO_NAT_GATEWAYS, set_parameter("NatElasticIpAllocationId", idle[0])]


QUOTA_CHECKS: Final = (
    QuotaCheck("cache-nodes", cache_nodes, consumers.cache_nodes),
    QuotaCheck("db-instances", one_each("AWS::RDS::DBInstance"), consumers.db_instances),
    QuotaCheck(
        "elastic-ips", one_each("AWS::EC2::EIP"), consumers.elastic_ips, elastic_ip_remediations
    ),
    QuotaCheck(
        "fargate-vcpu",
        fargate_tasks(ON_DEMAND),
        partial(consumers.fargate_vcpus, "Standard/OnDemand"),
    ),
    QuotaCheck(
        "fargate-spot-vcpu",
        fargate_tasks(SPOT),
        partial(consumers.fargate_vcpus, "Standard/Spot"),
    ),
    QuotaCheck("interface-endpoints", interface_endpoints, consumers.interface_endpoints),
    QuotaCheck(
        "internet-gateways", one_each("AWS::EC2::InternetGateway"), consumers.internet_gateways
    ),
    QuotaCheck(
        "load-balancers",
        one_each("AWS::ElasticLoadBalancingV2::LoadBalancer"),
        consumers.load_balancers,
    ),
    QuotaCheck("nat-gateways", nat_gateways, consumers.nat_gateways),
    QuotaCheck("rest-apis", one_each("AWS::ApiGateway::RestApi"), consumers.rest_apis),
    QuotaCheck("target-groups", target_groups, consumers.target_groups),
    QuotaCheck(
        "db-parameter-groups",
        one_each("AWS::RDS::DBParameterGroup"),
        consumers.db_parameter_groups,
    ),
    QuotaCheck("iam-roles", one_each("AWS::IAM::Role"), consumers.iam_roles),
    QuotaCheck("security-groups", one_each("AWS::EC2::SecurityGroup"), consumers.security_groups),
    QuotaCheck("usage-plans", one_each("AWS::ApiGateway::UsagePlan"), consumers.usage_plans),
    QuotaCheck("vpcs", one_each("AWS::EC2::VPC"), consumers.vpcs),
)


def check_quotas(context: PreflightContext, rows: Sequence[QuotaCheck]) -> Iterator[Finding]:
    """Compare what the changes need of quotas with what is left of them."""
    for row in rows:
        for demand in row.demands(context):
            yield from _compare(context, row, demand)


def reached_quotas(context: PreflightContext, cause: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the quotas that the failure of a resource tells are reached, and what uses them."""
    if not LIMIT_REACHED.search(str(cause.get("reason"))):
        return
    for row in QUOTA_CHECKS:
        for demand in row.demands(context):
            if cause.get("logical_id") in demand.logical_ids:
                yield from _compare(context, row, demand, is_reached=True)


def _compare(
    context: PreflightContext, row: QuotaCheck, demand: Demand, *, is_reached: bool = False
) -> Iterator[Finding]:
    """Compare a demand with what is left of a quota, of which AWS may say that it is reached."""
    quota = QUOTAS[row.quota]
    consumption = row.consumption(context.connection, demand.scope)
    total = consumption.amount + demand.amount
    default = quota.default_in(context.connection.region)
    if quota.is_minimum and total <= default and not is_reached:
        return
    limit, source = _limit(context, quota)
    if total <= limit and not is_reached:
        return
    groups = grouped(context, consumption.tagged())
    is_known = source == "account" or (source == "default" and quota.is_minimum)
    # Usage above the assumed limit means that the real limit is higher.
    is_certain = is_known and consumption.amount <= limit and not demand.is_stepwise
    is_certain = is_certain or is_reached
    raised = {"service": quota.service, "quota_code": quota.code}
    yield report(
        quota.check,
        Severity.ERROR if is_certain else Severity.WARNING,
        demand.logical_ids,
        *([Remediation("proceed-stepwise")] if demand.is_stepwise else []),
        *row.remediations(demand, consumption),
        *destroyable(context, groups),
        *([Remediation("raise-quota", raised)] if quota.adjustable else []),
        subject=row.quota,
        needed=demand.amount,
        used=consumption.amount,
        limit=limit,
        limit_source=source,
        scope=demand.scope,
        stepwise=demand.is_stepwise,
        consumers=groups,
        **raised,
        **demand.details,
    )


def _limit(context: PreflightContext, quota: Quota) -> tuple[float, str]:
    """Return the quota and its source: `account`, `default`, or `assumed` if unreadable."""
    default = quota.default_in(context.connection.region)
    try:
        found = context.connection.service_quotas.get_service_quota(
            ServiceCode=quota.service, QuotaCode=quota.code
        )
    except ClientError as error:
        return default, "default" if code_of(error) == NOT_APPLIED else "assumed"
    except BotoCoreError:
        return default, "assumed"
    return found["Quota"]["Value"], "account"
