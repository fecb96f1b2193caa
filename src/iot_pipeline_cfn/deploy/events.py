"""The events of a stack: following an operation to its end, and finding what made it fail.

Everything goes by the stack's ARN: after a deletion its name means nothing any more.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from . import cloudformation
from .connection import Connection

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

SHORTEST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 5.0
"""Seconds. CloudFormation answers a few describing calls a second for an account and region."""

GRACE: Final = 30.0
"""Seconds without an event after which a failed creation is not taken to delete itself any more,
and after which the stack itself is asked whether there is more to come."""

STACK: Final = "AWS::CloudFormation::Stack"
BEGINNINGS: Final = frozenset(
    {"CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "UPDATE_IN_PROGRESS"}
)
"""A stack's statuses with which an operation begins that somebody has asked for."""

COMPLETIONS: Final = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"})
FAILED_CREATIONS: Final = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
CANCELLED: Final = (
    "Resource creation cancelled",
    "Resource update cancelled",
    "Deletion cancelled",
)
DENIED: Final = re.compile(
    r"(?:user: (?P<who>\S+) is )?not authorized to perform:? (?P<action>[\w-]+:\w+)"
    r"(?:.*? on (?:the )?resource:? (?P<resource>\S+))?",
    re.IGNORECASE | re.DOTALL,
)
UNNAMED: Final = re.compile(
    r"(?:API: (?P<action>[\w-]+:\w+) )?You are not authorized to perform this operation",
    re.IGNORECASE,
)
ENCODED: Final = "Encoded authorization failure message"
"""What EC2 says where it names nothing: the rest is for who may decode it."""
TASKS_SHOWN: Final = 3


@dataclass(frozen=True)
class Event:
    """Something that has happened to a resource or to the stack itself."""

    id: str
    time: datetime
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    token: str
    of_stack: bool

    @property
    def failed(self) -> bool:
        """Whether it is a failure of its own, and not for another's sake."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED)

    def as_data(self) -> dict[str, Any]:
        """Return it as data for JSON."""
        return {
            "time": self.time.isoformat(),
            "logical_id": self.logical_id,
            "resource_type": self.resource_type,
            "status": self.status,
            "reason": self.reason,
        }


def _event(event: Mapping[str, Any]) -> Event:
    physical_id = event.get("PhysicalResourceId", "")
    return Event(
        id=event["EventId"],
        time=event["Timestamp"],
        logical_id=event.get("LogicalResourceId", ""),
        physical_id=physical_id,
        resource_type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
        token=event.get("ClientRequestToken", ""),
        of_stack=event.get("ResourceType") == STACK and physical_id == event["StackId"],
    )


def newest_first(client: "CloudFormationClient", arn: str) -> Iterator[Event]:
    """Yield the events of a stack, page by page as they are asked for."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=arn):
        yield from map(_event, page["StackEvents"])


def newest_id(client: "CloudFormationClient", arn: str) -> str:
    """Return the id of the newest event, after which an operation's own ones come."""
    return next((event.id for event in newest_first(client, arn)), "")


def has_token(client: "CloudFormationClient", arn: str, token: str) -> bool:
    """Return whether the last operation is the one that was asked for with a token."""
    return any(event.token == token for event in last_operation(client, arn))


def ever_completed(client: "CloudFormationClient", arn: str) -> bool:
    """Return whether a stack has ever held what somebody could use."""
    return any(
        event.of_stack and event.status in COMPLETIONS for event in newest_first(client, arn)
    )


def last_operation(client: "CloudFormationClient", arn: str) -> list[Event]:
    """Return the events of the operation that runs, or else of the last one, oldest first."""
    events = []
    for event in newest_first(client, arn):
        events.append(event)
        if event.of_stack and event.status in BEGINNINGS:
            break
    return events[::-1]


def poll(timeout: float) -> Iterator[None]:
    """Yield whenever it is time to look again: often at first, more rarely the longer it takes.

    Raises:
        TimeoutError: when so many seconds are over.

    """
    start = time.monotonic()
    while (elapsed := time.monotonic() - start) < timeout:
        yield
        pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, elapsed / 10))
        time.sleep(max(0.0, min(pause, start + timeout - time.monotonic())))
    raise TimeoutError


def follow(
    client: "CloudFormationClient",
    arn: str,
    *,
    after: str | None,
    see: Callable[[Event], None],
    timeout: float,
    deletes_itself: bool = False,
) -> str:
    """Tell of the events of an operation, oldest first, and return the status that it ends in.

    Args:
        client: CloudFormation's.
        arn: The stack.
        after: The newest event before the operation; None stands for the operation that runs.
        see: What is told.
        timeout: Seconds.
        deletes_itself: Whether a failed creation is not the end, since its deletion follows.

    Raises:
        TimeoutError: when the time is over.

    """
    newest = after
    status = "UNKNOWN_IN_PROGRESS"
    news = time.monotonic()
    for _ in poll(timeout):
        new = last_operation(client, arn) if newest is None else since(client, arn, newest)
        for event in new:
            see(event)
            newest = event.id
            news = time.monotonic()
            status = event.status if event.of_stack else status
        quiet = time.monotonic() - news
        if not status.endswith("_IN_PROGRESS"):
            if not (deletes_itself and status in FAILED_CREATIONS) or quiet > GRACE:
                return status
        elif quiet > GRACE and not new:
            # Whoever looks once too late, after an interruption or an outage, hears no more of it.
            stack = cloudformation.find_stack(client, arn)
            if stack is None or not stack.status.endswith("_IN_PROGRESS"):
                return stack.status if stack else "DELETE_COMPLETE"
    raise TimeoutError


def since(client: "CloudFormationClient", arn: str, newest: str) -> list[Event]:
    """Return the events after one, oldest first."""
    return list(takewhile(lambda event: event.id != newest, newest_first(client, arn)))[::-1]


def root_cause(events: Sequence[Event]) -> Event | None:
    """Return the failure that the others follow from: the earliest that is not a cancellation."""
    failures = [event for event in events if event.failed]
    of_resources = [event for event in failures if not event.of_stack]
    return next(iter(of_resources or failures), None)


def missing_permission(reason: str) -> str:
    """Return what to do about a failure, if it is that somebody may not do something.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    found = DENIED.search(reason) or UNNAMED.search(reason)
    if found is None:
        return ""
    named = found.groupdict()
    action = named["action"] or "what it needs"
    on = f" on {named['resource'].rstrip('.,')}" if named.get("resource") else ""
    who = named.get("who") or "whoever deploys"
    way = f"a permission is missing: have {action}{on} allowed to {who}"
    if ENCODED in reason:
        way += "; aws sts decode-authorization-message --encoded-message ... shows why it is not"
    return way


def stopped_tasks(connection: Connection, service: str) -> list[str]:
    """Return why the newest stopped tasks of a service have stopped; nothing where it cannot tell.

    `service` is its ARN, `arn:...:service/<cluster>/<service>`.
    """
    with suppress(BotoCoreError, ClientError, ValueError):
        _, cluster, name = service.rsplit(":", 1)[-1].split("/")
        arns = connection.ecs.list_tasks(
            cluster=cluster, serviceName=name, desiredStatus="STOPPED", maxResults=TASKS_SHOWN
        )["taskArns"]
        if arns:
            tasks = connection.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
            return [_why_stopped(task) for task in tasks]
    return []


def _why_stopped(task: Mapping[str, Any]) -> str:
    reasons = [
        f"{container['name']}: {container['reason']}"
        for container in task["containers"]
        if "reason" in container
    ]
    return "; ".join([task.get("stoppedReason", "no reason given"), *reasons])
