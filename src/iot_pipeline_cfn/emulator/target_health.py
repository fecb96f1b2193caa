"""The health of targets, which ministack does not check."""

from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from ministack.services import alb, ecs

from .resource_types import Answer, wrap

SECONDS = 1.0
STATES = {
    True: "<State>healthy</State>",
    False: "<State>unhealthy</State><Reason>Target.FailedHealthChecks</Reason>"
    "<Description>Health checks failed</Description>",
}


def patch() -> None:
    """Patch the description of targets."""
    wrap(alb._ACTION_MAP, "DescribeTargetHealth", check_targets)


def check_targets(
    describe: Callable[[Mapping[str, Any]], Answer],
) -> Callable[[Mapping[str, Any]], Answer]:
    """Check the health of targets as a load balancer does; to ministack, all are healthy.

    ECS registers its tasks. The emulator runs none, so each one that no target stands for has a
    healthy one.
    """

    def patched(request: Mapping[str, Any]) -> Answer:
        arn = alb._p(request, "TargetGroupArn")
        group = alb._tgs.get(arn)
        if group is None:
            return describe(request)
        targets = [
            (each["Id"], each.get("Port", group["Port"]), is_healthy(group, each))
            for each in alb._targets.get(arn, [])
        ]
        targets += [
            (f"10.0.128.{number + 4}", group["Port"], True)
            for number in range(len(targets), running_tasks(arn))
        ]
        members = "".join(
            f"<member><Target><Id>{name}</Id><Port>{port}</Port></Target>"
            f"<TargetHealth>{STATES[healthy]}</TargetHealth></member>"
            for name, port, healthy in targets
        )
        answer: Answer = alb._xml(
            200,
            "DescribeTargetHealth",
            f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>",
        )
        return answer

    return patched


def is_healthy(group: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
    """Return whether a target answers at the path of the health check as it must."""
    connection = HTTPConnection(target["Id"], target.get("Port", group["Port"]), timeout=SECONDS)
    try:
        connection.request("GET", group["HealthCheckPath"])
        return str(connection.getresponse().status) in str(group["Matcher"]["HttpCode"]).split(",")
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def running_tasks(group: str) -> int:
    """Return the number of running tasks of the services with a target group."""
    return sum(
        service["runningCount"]
        for service in ecs._services.values()
        for each in service["loadBalancers"]
        if service["status"] == "ACTIVE" and each.get("targetGroupArn") == group
    )
