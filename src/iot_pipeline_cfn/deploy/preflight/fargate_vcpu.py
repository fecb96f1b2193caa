"""Virtual processors of Fargate, on demand and Spot: all that run in a region at a time.

New accounts may begin with fewer than AWS documents, so that the account's own quota is always
asked for. What is in use is a metric that is collected each minute, and seen later than that.
https://docs.aws.amazon.com/general/latest/gr/ecs-service.html#limits_ecs
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from iot_pipeline_cfn.template.changes import ResourceChange

from .checking import Finding, Severity, Subject
from .consumption import Holder, Quota, number

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient

CODE = "fargate-vcpu"
ON_DEMAND, SPOT = Quota.of(CODE), Quota.of("fargate-spot-vcpu")
SERVICE = "AWS::ECS::Service"
UNITS = 1024
"""Of a task's `Cpu`, in a vCPU."""

RECENT = timedelta(minutes=15)


def look(subject: Subject) -> Iterator[Finding]:
    """Compare what the tasks need that a change of a service starts with what is left.

    A new task definition starts all tasks beside those that run, which `MaximumPercent` of 200
    allows. Where there is no room for that, ECS gets on in smaller steps, and it is only a warning.
    """
    for change in subject.changes:
        if change.resource_type != SERVICE or change.action not in {"Add", "Modify"}:
            continue
        service = subject.resources.get(change.logical_id, {}).get("Properties", {})
        at_once, more = _tasks(change, number(service.get("DesiredCount")))
        size = _vcpu(subject, service)
        if not at_once * size:
            continue
        quota, usage_class = _quota(service)
        used = _used(subject.connection.cloudwatch, usage_class)
        holders = [Holder("what ran a few minutes ago", amount=used)] if used else []
        ways = [f"fewer or smaller tasks than {at_once} of {size:g} vCPU (DesiredCount, TaskSize)"]
        stepwise = at_once > more
        if stepwise:
            ways.insert(0, "going on, as ECS starts those that fit first and then the others")
        for finding in quota.findings(
            subject, [change.logical_id], holders, ways, needed=at_once * size
        ):
            yield replace(finding, severity=Severity.WARNING) if stepwise else finding


def _tasks(change: ResourceChange, desired: int) -> tuple[int, int]:
    """Return how many tasks start beside those that run, and how many more run in the end.

    As long as it is not known how many ran before, it can be that no more do.
    """
    changed = {part.name: part for part in change.properties}
    new = change.action == "Add" or change.replacement == "True"
    # On demand and Spot have a quota each.
    if new or "CapacityProviderStrategy" in changed:
        return desired, desired
    count = changed.get("DesiredCount")
    if count is not None and count.before is None:
        return desired, 0
    more = 0 if count is None else max(desired - number(count.before), 0)
    return (desired if "TaskDefinition" in changed else more), more


def _vcpu(subject: Subject, service: Mapping[str, Any]) -> float:
    """Return the size of a service's tasks, or zero where that is not known here."""
    match service.get("TaskDefinition"):
        case {"Ref": str(name)}:
            task = subject.resources.get(name, {}).get("Properties", {})
            return number(task.get("Cpu")) / UNITS
    return 0


def _quota(service: Mapping[str, Any]) -> tuple[Quota, str]:
    """Return the quota of a service's capacity provider, and the class of its usage."""
    match service.get("CapacityProviderStrategy"):
        case [{"CapacityProvider": "FARGATE_SPOT"}, *_]:
            return SPOT, "Standard/Spot"
    return ON_DEMAND, "Standard/OnDemand"


def _used(client: "CloudWatchClient", usage_class: str) -> float:
    """Return the newest count of vCPUs; there is none where nothing runs."""
    dimensions = {
        "Service": "Fargate",
        "Type": "Resource",
        "Resource": "vCPU",
        "Class": usage_class,
    }
    now = datetime.now(UTC)
    counts = client.get_metric_statistics(
        Namespace="AWS/Usage",
        MetricName="ResourceCount",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - RECENT,
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(counts, key=lambda count: count["Timestamp"], default=None)
    return newest["Maximum"] if newest else 0
