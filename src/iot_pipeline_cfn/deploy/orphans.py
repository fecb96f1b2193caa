"""What deleted environments have left behind.

A deletion leaves log groups that a service has created once more, inactive task definitions
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html) and,
where it was forced or done by hand, addresses and interfaces. Snapshots, and the logs of their
databases, are left on purpose: an ephemeral environment takes none.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.log_group_names import suffix_of_log_group
from iot_pipeline_cfn.template.parameters import PROJECT

from . import cloudformation
from .connection import Connection
from .environments import STACK_PREFIX
from .errors import explained
from .obstacles import is_unattached
from .preflight.stack_owners import STACK_TAG

GIBIBYTE: Final = 2**30

REVISIONS_AT_ONCE: Final = 10
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html"""

RDS_LOG_GROUP: Final = re.compile(
    rf"/aws/rds/instance/(?P<database>{STACK_PREFIX}(?P<suffix>[a-z][a-z0-9-]*)-database-[a-z0-9]+)/.+"
)
"""The log groups that RDS creates for a database, which CloudFormation names after the stack."""


@dataclass(frozen=True)
class Orphan:
    """A resource of an environment whose stack does not exist."""

    kind: str
    id: str
    environment: str
    """The suffix."""
    is_removable: bool = True
    """Whether it was not left on purpose."""
    gigabytes: float = 0
    count: int = 1


@dataclass(frozen=True)
class OrphanResult:
    """What became of an orphan: whether it was removed, or else why that failed."""

    orphan: Orphan
    is_removed: bool = False
    error: str = ""

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {**asdict(self.orphan), "is_removed": self.is_removed, "error": self.error or None}


def find_orphans(connection: Connection) -> tuple[list[Orphan], dict[str, str]]:
    """List leftovers; also return the reason for each kind that cannot be listed.

    Stacks are listed after resources, so that a new environment is never taken for a deleted one.
    """
    found, unreadable = list[Orphan](), dict[str, str]()
    for kind, find in KINDS.items():
        try:
            found += find(connection)
        except (BotoCoreError, ClientError) as error:
            unreadable[kind] = str(explained(error))
    existing = _existing(connection)
    return [each for each in found if not _belongs(each, existing)], unreadable


def remove_orphans(connection: Connection, orphans: Sequence[Orphan]) -> list[OrphanResult]:
    """Remove what was not left on purpose, one after another."""
    existing = _existing(connection)
    results = []
    for orphan in orphans:
        result = OrphanResult(orphan)
        if orphan.is_removable and not _belongs(orphan, existing):
            try:
                REMOVERS[orphan.kind](connection, orphan)
                result = OrphanResult(orphan, is_removed=True)
            except (BotoCoreError, ClientError) as error:
                result = OrphanResult(orphan, error=str(explained(error)))
        results.append(result)
    return results


def _existing(connection: Connection) -> set[str]:
    """Return the suffixes of all stacks that have a name of ours, whoever has made them."""
    stacks = cloudformation.all_stacks(connection.cloudformation)
    return {
        stack.name.removeprefix(STACK_PREFIX)
        for stack in stacks
        if stack.name.startswith(STACK_PREFIX) and stack.status != "DELETE_COMPLETE"
    }


def _belongs(orphan: Orphan, existing: Collection[str]) -> bool:
    """Return whether a resource may belong to a stack, whose suffix may begin its name."""
    name = orphan.environment
    return any(name == suffix or name.startswith(f"{suffix}-") for suffix in existing)


def _tagged(
    tags: Sequence[Mapping[str, Any]], *, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """Return the tags of a resource of ours; empty for one of others."""
    found = {tag[key]: tag[value] for tag in tags}
    return found if found.get("Project") == PROJECT and found.get("Environment") else {}


def _stack_environment(tags: Sequence[Mapping[str, Any]]) -> str:
    """Return the environment whose stack has created a resource; empty for one of others.

    People can set our tags, but not those of CloudFormation, which its schemas promise for
    addresses, log groups and security groups (`cloudFormationSystemTags`):
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    found = _tagged(tags)
    suffix = found.get("Environment", "")
    return suffix if found.get(STACK_TAG) == f"{STACK_PREFIX}{suffix}" else ""


def _log_groups(connection: Connection) -> Iterator[Orphan]:
    """Yield the log groups of the templates and of their databases, without those of other stacks.

    One that a service has created again has no tags.
    """
    existing = _existing(connection)
    databases = {
        database["DBInstanceIdentifier"]
        for page in connection.rds.get_paginator("describe_db_instances").paginate()
        for database in page["DBInstances"]
    }
    snapshots = {
        snapshot["DBInstanceIdentifier"]
        for page in connection.rds.get_paginator("describe_db_snapshots").paginate()
        for snapshot in page["DBSnapshots"]
    }
    for page in connection.logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name, arn = group["logGroupName"], group["arn"].removesuffix(":*")
            of_database = RDS_LOG_GROUP.fullmatch(name)
            database = of_database["database"] if of_database else ""
            suffix = of_database["suffix"] if of_database else suffix_of_log_group(name)
            if not suffix or suffix in existing or database in databases:
                continue
            tags = connection.logs.list_tags_for_resource(resourceArn=arn)["tags"]
            if tags.get(STACK_TAG) in {None, f"{STACK_PREFIX}{suffix}"}:
                size = group.get("storedBytes", 0) / GIBIBYTE
                yield Orphan("log-group", name, suffix, database not in snapshots, size)


def _delete_log_group(connection: Connection, orphan: Orphan) -> None:
    connection.logs.delete_log_group(logGroupName=orphan.id)


def _database_snapshots(connection: Connection) -> Iterator[Orphan]:
    pages = connection.rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
    for page in pages:
        for snapshot in page["DBSnapshots"]:
            if tags := _tagged(snapshot.get("TagList", [])):
                yield Orphan(
                    "database-snapshot",
                    snapshot["DBSnapshotIdentifier"],
                    tags["Environment"],
                    is_removable=False,
                    gigabytes=snapshot.get("AllocatedStorage", 0),
                )


def _cache_snapshots(connection: Connection) -> Iterator[Orphan]:
    cache = connection.elasticache
    pages = cache.get_paginator("describe_snapshots").paginate(SnapshotSource="user")
    for page in pages:
        for snapshot in page["Snapshots"]:
            answer = cache.list_tags_for_resource(ResourceName=snapshot["ARN"])
            if tags := _tagged(answer.get("TagList", [])):
                yield Orphan(
                    "cache-snapshot",
                    snapshot["SnapshotName"],
                    tags["Environment"],
                    is_removable=False,
                    gigabytes=sum(map(_gigabytes, snapshot.get("NodeSnapshots", []))),
                )


def _gigabytes(node: Mapping[str, Any]) -> float:
    """Return the size of a node's snapshot, such as `10 MB`."""
    size, _, unit = node.get("CacheSize", "").partition(" ")
    return float(size) / {"MB": 1024, "GB": 1}.get(unit, 1024) if size else 0


def _task_definitions(connection: Connection) -> Iterator[Orphan]:
    """Yield our families of which no revision is active, with the number of revisions.

    They have our tags, but not those of CloudFormation
    (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2063).
    """
    ecs = connection.ecs
    pages = ecs.get_paginator("list_task_definition_families").paginate(
        familyPrefix=STACK_PREFIX, status="INACTIVE"
    )
    for page in pages:
        for family in page["families"]:
            if not (revisions := _revisions(connection, family)):
                continue
            answer = ecs.describe_task_definition(taskDefinition=revisions[-1], include=["TAGS"])
            tags = _tagged(answer.get("tags", []), key="key", value="value")
            if family == f"{STACK_PREFIX}{tags.get('Environment')}":
                environment = tags["Environment"]
                yield Orphan("task-definitions", family, environment, count=len(revisions))


def _revisions(connection: Connection, family: str) -> list[str]:
    pages = connection.ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=family, status="INACTIVE"
    )
    return [arn for page in pages for arn in page["taskDefinitionArns"]]


def _delete_task_definitions(connection: Connection, orphan: Orphan) -> None:
    arns = _revisions(connection, orphan.id)
    for start in range(0, len(arns), REVISIONS_AT_ONCE):
        chosen = arns[start : start + REVISIONS_AT_ONCE]
        connection.ecs.delete_task_definitions(taskDefinitions=chosen)


def _addresses(connection: Connection) -> Iterator[Orphan]:
    for address in connection.ec2.describe_addresses()["Addresses"]:
        environment = _stack_environment(address.get("Tags", []))
        if environment and not address.get("AssociationId"):
            yield Orphan("address", address["AllocationId"], environment)


def _release_address(connection: Connection, orphan: Orphan) -> None:
    connection.ec2.release_address(AllocationId=orphan.id)


def _interfaces(connection: Connection) -> Iterator[Orphan]:
    """Yield the interfaces that nothing uses and that hold a security group of ours."""
    groups = {
        group["GroupId"]: _stack_environment(group.get("Tags", []))
        for page in connection.ec2.get_paginator("describe_security_groups").paginate()
        for group in page["SecurityGroups"]
    }
    for page in connection.ec2.get_paginator("describe_network_interfaces").paginate():
        for interface in page["NetworkInterfaces"]:
            held = [groups.get(group["GroupId"]) for group in interface["Groups"]]
            if is_unattached(interface) and (environment := next(filter(None, held), None)):
                yield Orphan("interface", interface["NetworkInterfaceId"], environment)


def _delete_interface(connection: Connection, orphan: Orphan) -> None:
    connection.ec2.delete_network_interface(NetworkInterfaceId=orphan.id)


Find = Callable[[Connection], Iterator[Orphan]]
Remove = Callable[[Connection, Orphan], None]

KINDS: Final[Mapping[str, Find]] = MappingProxyType(
    {
        "log-group": _log_groups,
        "database-snapshot": _database_snapshots,
        "cache-snapshot": _cache_snapshots,
        "task-definitions": _task_definitions,
        "address": _addresses,
        "interface": _interfaces,
    }
)
"""How each kind is found."""

REMOVERS: Final[Mapping[str, Remove]] = MappingProxyType(
    {
        "log-group": _delete_log_group,
        "task-definitions": _delete_task_definitions,
        "address": _release_address,
        "interface": _delete_interface,
    }
)
"""How each kind is removed that is not left on purpose."""
