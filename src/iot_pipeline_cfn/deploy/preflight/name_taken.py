"""Names that something outside the stack holds: mostly a log group that has outlived its stack.

CloudFormation's early validation looks for such names too, and then refuses the change set itself:
`way_on` says the same in both cases.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy import cloudformation
from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.environments import STACK_PREFIX
from iot_pipeline_cfn.template.parameters import SUFFIX_PARAMETER

from .checking import Finding, Severity, Subject, tags_of
from .commands import aws_command
from .consumption import STACK_TAG

CODE = "name-taken"

CONFLICT: Final = re.compile(r"name.*conflict|already.?exist", re.IGNORECASE)
"""What early validation calls it; its names are open, and NAME_CONFLICT_VALIDATION is one."""

LOGICAL_ID: Final = re.compile(r"(?:^|/Resources/)(\w+)")


@dataclass(frozen=True)
class Kind:
    """Resources that have a name of which there can be one only.

    `find` returns what the one of a name is known by, or nothing where there is none, and `tags`
    the tags of what is known by that.
    """

    words: str
    property: str
    find: Callable[[Connection, str], str | None]
    tags: Callable[[Connection, str], Mapping[str, str]]
    remove: tuple[str, ...]


def _log_group(connection: Connection, name: str) -> str | None:
    pages = connection.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    found = (
        group["arn"].removesuffix(":*")
        for page in pages
        for group in page["logGroups"]
        if group["logGroupName"] == name
    )
    return next(found, None)


def _tags_of_log_group(connection: Connection, arn: str) -> Mapping[str, str]:
    return connection.logs.list_tags_for_resource(resourceArn=arn)["tags"]


def _repository(connection: Connection, name: str) -> str | None:
    ecr = connection.ecr
    with suppress(ecr.exceptions.RepositoryNotFoundException):
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    return None


def _tags_of_repository(connection: Connection, arn: str) -> Mapping[str, str]:
    return tags_of({"Tags": connection.ecr.list_tags_for_resource(resourceArn=arn)["tags"]})


def _alias(connection: Connection, name: str) -> str | None:
    kms = connection.kms
    with suppress(kms.exceptions.NotFoundException):
        return kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"]
    return None


def _tags_of_key(connection: Connection, key: str) -> Mapping[str, str]:
    tags = connection.kms.list_resource_tags(KeyId=key)["Tags"]
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "AWS::ECR::Repository": Kind(
            "repository",
            "RepositoryName",
            _repository,
            _tags_of_repository,
            ("ecr", "delete-repository", "--force", "--repository-name"),
        ),
        "AWS::KMS::Alias": Kind(
            "alias",
            "AliasName",
            _alias,
            _tags_of_key,
            ("kms", "delete-alias", "--alias-name"),
        ),
        "AWS::Logs::LogGroup": Kind(
            "log group",
            "LogGroupName",
            _log_group,
            _tags_of_log_group,
            ("logs", "delete-log-group", "--log-group-name"),
        ),
    }
)
"""The types of which the template names some, and whose creation fails where the name is taken."""


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the names that something new is given are free."""
    for change in subject.changes:
        kind = KINDS.get(change.resource_type)
        # A replacement is given the name that the stack itself holds, unless that is what changes.
        if kind and (
            change.action == "Add"
            or kind.property in {part.path for part in change.replacing_properties}
        ):
            resource = subject.resources.get(change.logical_id, {})
            name = resource.get("Properties", {}).get(kind.property)
            if isinstance(name, str) and (holder := kind.find(subject.connection, name)):
                message = (
                    f"{change.logical_id}: the {kind.words} {name} is there already"
                    f"{_of_whom(subject, kind, name, holder)}"
                )
                yield Finding(CODE, Severity.ERROR, message, [change.logical_id])


def _of_whom(subject: Subject, kind: Kind, name: str, holder: str) -> str:
    """Return in words which stack has made what holds a name, if its tags tell, and the way on."""
    connection, left = subject.connection, ""
    own = f"{STACK_PREFIX}{subject.parameters.get(SUFFIX_PARAMETER, '')}"
    with suppress(BotoCoreError, ClientError):
        if stack := kind.tags(connection, holder).get(STACK_TAG):
            found = cloudformation.find_stack(connection.cloudformation, stack)
            # The change set of a creation makes a stack of that name, which has nothing yet.
            if found and found.status != "REVIEW_IN_PROGRESS":
                if stack == own:
                    # What has another logical id now is created before the old one goes.
                    return ", in this very environment; remove it in a deployment of its own before"
                return f", in the stack {stack}; destroy that, or deploy under another name"
            left = f", left by the stack {stack}, which is gone"
    return f"{left}; {_way_on(connection, kind, name)}"


def _way_on(connection: Connection, kind: Kind, name: str) -> str:
    return (
        f"remove it with all that it holds: {aws_command(connection, *kind.remove, name)}; or "
        "deploy under another name; or import it (docs/preflight.md)"
    )


def way_on(subject: Subject, finding: ValidationFinding) -> str:
    """Return what to do about what early validation finds, if it is that a name is taken."""
    found = LOGICAL_ID.search(finding.path)
    if found is None or not CONFLICT.search(finding.name):
        return ""
    resource = subject.resources.get(found[1], {})
    kind = KINDS.get(resource.get("Type", ""))
    name = kind and resource.get("Properties", {}).get(kind.property)
    if kind and isinstance(name, str):
        return _way_on(subject.connection, kind, name)
    return "remove what has that name; or deploy under another name"
