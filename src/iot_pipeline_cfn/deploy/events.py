"""Stack events: following an operation to its end, and the root cause of a failure.

Stacks are identified by their ARN, because a deleted stack no longer has a name.
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
"""Seconds between calls. CloudFormation allows few describing calls per second and account."""

GRACE: Final = 30.0
"""Seconds without an event after which a failed creation is over, although it could
delete itself, and after which the status of the stack is read."""

STACK: Final = "AWS::CloudFormation::Stack"
BEGINNINGS: Final = frozenset(
    {"CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "UPDATE_IN_PROGRESS"}
)
"""The stack statuses with which an operation begins."""

COMPLETIONS: Final = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"})
FAILED_CREATIONS: Final = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
CANCELLED: Final = (
    "Resource creation cancelled",
    "Resource update cancelled",
    "Deletion cancelled",
)
DENIED: Final = re.compile(
    r"(?:user: (?P<principal>\S+) is )?not authorized to perform:? (?P<action>[\w-]+:\w+)"
    r"(?:.*? on (?:the )?resource:? (?P<resource>\S+))?",
    re.IGNORECASE | re.DOTALL,
)
UNNAMED: Final = re.compile(
    r"(?:API: (?P<action>[\w-]+:\w+) )?You are not authorized to perform this operation",
    re.IGNORECASE,
)
ENCODED: Final = "Encoded authorization failure message"
"""What EC2 writes before an encoded message: only authorized principals can decode the rest."""
TASKS_SHOWN: Final = 3


@dataclass(frozen=True)
class Event:
    """An event of a resource, or of the stack itself."""

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
        """Whether the resource failed by itself, and was not just cancelled after a failure."""
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
    """Yield the events of a stack; pages are read as they are needed."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=arn):
        yield from map(_event, page["StackEvents"])


def newest_id(client: "CloudFormationClient", arn: str) -> str:
    """Return the ID of the newest event; the events of the next operation follow it."""
    return next((event.id for event in newest_first(client, arn)), "")


def has_token(client: "CloudFormationClient", arn: str, token: str) -> bool:
    """Return whether the last operation was requested with a token."""
    return any(event.token == token for event in last_operation(client, arn))


def ever_completed(client: "CloudFormationClient", arn: str) -> bool:
    """Return whether a stack was ever complete, so that its resources may have been in use."""
    return any(
        event.of_stack and event.status in COMPLETIONS for event in newest_first(client, arn)
    )


def last_operation(client: "CloudFormationClient", arn: str) -> list[Event]:
    """Return the events of the operation in progress, or of the last one, oldest first."""
    events = []
    for event in newest_first(client, arn):
        events.append(event)
        if event.of_stack and event.status in BEGINNINGS:
            break
    return events[::-1]


def poll(timeout: float) -> Iterator[None]:
    """Yield whenever it is time to ask again: often at first, then less and less.

    Raises:
        TimeoutError: when the seconds are over.

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
    """Pass on the events of an operation, oldest first, and return its final status.

    The operation follows the event `after`; without one, it is the operation in progress. A failed
    creation that `deletes_itself` is followed by its deletion.

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
            # After an interruption or an outage the final event may have been missed.
            stack = cloudformation.find_stack(client, arn)
            if stack is None or not stack.status.endswith("_IN_PROGRESS"):
                return stack.status if stack else "DELETE_COMPLETE"
    raise TimeoutError


def since(client: "CloudFormationClient", arn: str, newest: str) -> list[Event]:
    """Return the events after one, oldest first."""
    return list(takewhile(lambda event: event.id != newest, newest_first(client, arn)))[::-1]


def root_cause(events: Sequence[Event]) -> Event | None:
    """Return the failure that caused the others: the earliest one that is not a cancellation."""
    failures = [event for event in events if event.failed]
    of_resources = [event for event in failures if not event.of_stack]
    return next(iter(of_resources or failures), None)


@dataclass(frozen=True)
class MissingPermission:
    """A permission that an operation lacked; fields that AWS does not name are empty."""

    principal: str
    action: str
    resource: str
    is_encoded: bool

    def remedy(self) -> str:
        """Return the sentence that tells the user which permission to allow."""
        action = self.action or "the action"
        on = f" on {self.resource}" if self.resource else ""
        remedy = f"missing permission: allow {self.principal or 'the deployer'} {action}{on}"
        if self.is_encoded:
            remedy += "; decode it with aws sts decode-authorization-message"
        return remedy


def missing_permission(reason: str) -> MissingPermission | None:
    """Return the missing permission that the reason of a failure names, or None.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    found = DENIED.search(reason) or UNNAMED.search(reason)
    if found is None:
        return None
    named = found.groupdict()
    return MissingPermission(
        principal=named.get("principal") or "",
        action=named["action"] or "",
        resource=(named.get("resource") or "").rstrip(".,"),
        is_encoded=ENCODED in reason,
    )


def stopped_tasks(connection: Connection, service: str) -> list[str]:
    """Return why the newest stopped tasks of a service stopped, as far as that can be read.

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
