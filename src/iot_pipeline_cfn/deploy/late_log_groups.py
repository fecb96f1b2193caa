"""Log groups that are there after the deletion of their stack.

Container Insights creates its log group if it is missing
(https://github.com/aws/containers-roadmap/issues/2315), and its last metrics arrive after the
deletion of the cluster. RDS creates the log groups of an instance, which are not in the stack. They
would be kept for ever, and the next creation would fail at a name that is taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .concurrency import all_of
from .connection import Connection
from .deletion import DeletionOutcome, DeletionPlan
from .errors import explained
from .events import Event
from .operations import Operations
from .preflight.stack_owners import STACK_TAG


def delete_late_log_groups(
    operations: Operations, plan: DeletionPlan, events: Iterable[Event]
) -> list[str]:
    """Delete the log groups of a deleted stack that are there again, and return their names.

    This needs no pause, because a stack deletes the cluster minutes before database and network.
    """
    deleted: list[str] = []
    try:
        for name in _find_log_groups(operations.connection, [*_names(plan, events)]):
            operations.connection.logs.delete_log_group(logGroupName=name)
            operations.notify("late-log-group", name=name)
            deleted.append(name)
    except (BotoCoreError, ClientError) as error:
        # The environment is deleted all the same.
        operations.notify("log-groups-not-deleted", reason=str(explained(error)))
    return deleted


def _names(plan: DeletionPlan, events: Iterable[Event]) -> Iterator[str]:
    """Yield the name of each deleted log group, and the prefix of each database's, with a slash.

    If a snapshot of a database is kept, its logs are kept, too.
    """
    outcomes = {resource.logical_id: resource.outcome for resource in plan.resources}
    for event in events:
        if event.status == "DELETE_COMPLETE":
            match event.resource_type, outcomes.get(event.logical_id):
                case "AWS::Logs::LogGroup", _:
                    yield event.physical_id
                case "AWS::RDS::DBInstance", DeletionOutcome.DELETED:
                    yield f"/aws/rds/instance/{event.physical_id}/"


def _find_log_groups(connection: Connection, names: Iterable[str]) -> Iterator[str]:
    """Yield the names of the log groups that exist, unless a new stack has them by now."""
    logs = connection.logs
    wanted_names = [*names]
    found = all_of(*(partial(_log_groups, connection, wanted) for wanted in wanted_names))
    for wanted, groups in zip(wanted_names, found, strict=True):
        for group in groups:
            name, arn = group["logGroupName"], group["arn"].removesuffix(":*")
            is_wanted = name == wanted or wanted.endswith("/")
            if is_wanted and STACK_TAG not in logs.list_tags_for_resource(resourceArn=arn)["tags"]:
                yield name


def _log_groups(connection: Connection, prefix: str) -> list[Mapping[str, Any]]:
    pages = connection.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    return [group for page in pages for group in page["logGroups"]]
