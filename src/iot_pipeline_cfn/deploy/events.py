"""Stack events: following an operation to its end, and the root cause of a failure.

Stacks are identified by their ARN, because a deleted stack no longer has a name.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from . import cloudformation
from .connection import Connection
from .polling import answers

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


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
HOOK_FAILURES: Final = frozenset({"HOOK_COMPLETE_FAILED", "HOOK_FAILED"})
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
    detail: str = ""
    """`CONFIGURATION_COMPLETE`, of a resource or of all, while the status is still in progress."""
    operation_id: str = ""
    hook_failed: bool = False
    """Whether a hook refused the resource, for the reason of the event."""

    @property
    def begins(self) -> bool:
        """Whether the stack begins an operation or an automatic rollback with it.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
        """
        return (
            self.of_stack
            and not self.detail
            and self.status.endswith("_IN_PROGRESS")
            and "CLEANUP" not in self.status
        )

    @property
    def rolls_back(self) -> bool:
        """Whether the stack begins a rollback with it."""
        return self.begins and "ROLLBACK" in self.status

    @property
    def failed(self) -> bool:
        """Whether the resource failed by itself, and was not just cancelled after a failure."""
        failed = self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED)
        return failed or self.hook_failed

    def as_data(self) -> dict[str, Any]:
        """Return it as data for JSON."""
        return {
            "time": self.time.isoformat(),
            "logical_id": self.logical_id,
            "resource_type": self.resource_type,
            "status": self.status,
            "detailed_status": self.detail or None,
            "reason": self.reason,
        }


@dataclass
class OperationFilter:
    """What tells the events of an operation from late events of the one before.

    An automatic rollback has an operation ID of its own. The token of a request is in all events of
    its operation.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """

    token: str = ""
    has_begun: bool = False
    ids: set[str] = field(default_factory=set)

    def accepts(self, event: Event) -> bool:
        """Return whether an event, which follows all others so far, is of the operation."""
        if event.begins or (self.token and event.token == self.token):
            self.has_begun = True
            self.ids |= {event.operation_id} - {""}
        is_late = self.ids and event.operation_id and event.operation_id not in self.ids
        return self.has_begun and not is_late


def _event(event: Mapping[str, Any]) -> Event:
    physical_id = event.get("PhysicalResourceId", "")
    reason = event.get("ResourceStatusReason", "")
    if hook := event.get("HookStatusReason"):
        reason = f"{event.get('HookType', 'hook')}: {hook}"
    return Event(
        id=event["EventId"],
        time=event["Timestamp"],
        logical_id=event.get("LogicalResourceId", ""),
        physical_id=physical_id,
        resource_type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=reason,
        token=event.get("ClientRequestToken", ""),
        of_stack=event.get("ResourceType") == STACK and physical_id == event["StackId"],
        detail=event.get("DetailedStatus", ""),
        operation_id=event.get("OperationId", ""),
        hook_failed=event.get("HookStatus") in HOOK_FAILURES
        and event.get("HookFailureMode") != "WARN",
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


def last_operations(client: "CloudFormationClient", arn: str, count: int) -> list[Event]:
    """Return the events of the last operations, oldest first."""
    events, begun = [], 0
    for event in newest_first(client, arn):
        events.append(event)
        begun += event.begins and event.status in BEGINNINGS
        if begun == count:
            return list(filter(OperationFilter().accepts, reversed(events)))
    return events[::-1]


def last_operation(client: "CloudFormationClient", arn: str) -> list[Event]:
    """Return the events of the operation in progress, or of the last one, oldest first."""
    return last_operations(client, arn, 1)


def follow(
    client: "CloudFormationClient",
    arn: str,
    *,
    after: str | None,
    operation: OperationFilter,
    see: Callable[[Event], None],
    timeout: float,
    report_outage: Callable[[Exception], None],
    deletes_itself: bool = False,
) -> str:
    """Pass on the events of an operation, oldest first, and return its final status.

    The operation follows the event `after`; without one, it is the operation in progress. A failed
    creation that `deletes_itself` is followed by its deletion. A status from before the operation
    has begun is not final.

    Raises:
        TimeoutError: when the time is over.

    """
    newest = after
    status = "UNKNOWN_IN_PROGRESS"
    news = time.monotonic()

    def ask() -> tuple[list[Event], str | None]:
        new = last_operation(client, arn) if newest is None else since(client, arn, newest)
        if new or time.monotonic() - news <= GRACE:
            return new, None
        # After an interruption or an outage the final event may have been missed.
        stack = cloudformation.find_stack(client, arn)
        return new, stack.status if stack else "DELETE_COMPLETE"

    for new, now in answers(ask, timeout, report_outage):
        for event in new:
            newest = event.id
            news = time.monotonic()
            if operation.accepts(event):
                see(event)
                status = event.status if event.of_stack else status
        if not status.endswith("_IN_PROGRESS"):
            quiet = time.monotonic() - news
            if not (deletes_itself and status in FAILED_CREATIONS) or quiet > GRACE:
                return status
        elif now == "DELETE_COMPLETE" or (
            now and operation.has_begun and not now.endswith("_IN_PROGRESS")
        ):
            return now
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
