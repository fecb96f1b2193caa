"""What the containers of an environment and the services around them have logged."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from .cloudformation import Stack
from .connection import Connection
from .errors import DeploymentError
from .operations import Operations
from .polling import answers

OUTPUTS: Final = MappingProxyType(
    {
        "containers": "ContainerLogGroupName",
        "api": "ApiLogGroupName",
        "load-balancer": "LoadBalancerLogGroupName",
        "network": "FlowLogGroupName",
        "rotation": "RotationLogGroupName",
    }
)
"""The outputs that name the log groups of an environment."""

LATE: Final = timedelta(seconds=30)
"""How late CloudWatch may show an event beside newer ones."""


@dataclass(frozen=True)
class LogEvent:
    """A logged message."""

    identifier: str
    time: datetime
    stream: str
    message: str


def find_log_group(stack: Stack, source: str) -> str:
    """Return the name of a log group, which exists only with some parameters."""
    outputs = stack.output_values
    if group := outputs.get(OUTPUTS[source]):
        return group
    found = ", ".join(name for name, output in OUTPUTS.items() if output in outputs)
    message = f"{stack.name} has no log of {source!r}; it has {found or 'none'}"
    raise DeploymentError(message, code="no-log", source=source)


def read_log(connection: Connection, group: str, since: datetime) -> Iterator[LogEvent]:
    """Yield the events of a log group since a moment."""
    pages = connection.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000)
    )
    for page in pages:
        for event in page["events"]:
            yield LogEvent(
                event["eventId"],
                datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
                event["logStreamName"],
                event["message"].rstrip("\n"),
            )


def follow_log(operations: Operations, group: str, since: datetime) -> Iterator[LogEvent]:
    """Yield the events of a log group, and those that are added, until the timeout."""
    newest, seen = since, set[str]()

    def read() -> list[LogEvent]:
        return [*read_log(operations.connection, group, max(since, newest - LATE))]

    for events in answers(read, operations.timeout, operations.report_outage):
        yield from (event for event in events if event.identifier not in seen)
        newest = max([newest, *(event.time for event in events)])
        seen = {event.identifier for event in events if event.time >= newest - LATE}
