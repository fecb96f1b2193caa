"""Names of resources: whether services accept them, and whether they are taken."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding, find_stack
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG
from iot_pipeline_cfn.template.changes import Action
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity
from iot_pipeline_cfn.template.lookup import properties_of, type_of

from .checking import (
    NAME_CONFLICT,
    PreflightContext,
    aws_command,
    describe,
    logical_id_of,
    report,
    tags_of,
    validation_finding,
)
from .stack_owners import STACK_TAG, stack_name_of


@dataclass(frozen=True)
class NameRule:
    """A pattern for the whole name, and its description for the user."""

    pattern: str
    description: str


_PLAIN = NameRule(r"[A-Za-z0-9_-]{1,255}", "1 to 255 letters, digits, - and _")
_SHORT = NameRule(r"[A-Za-z0-9_-]{1,60}", "1 to 60 letters, digits, - and _")
_ANY = NameRule(r".{1,128}", "1 to 128 characters in one line")

NAME_RULES: Final[Mapping[tuple[str, str], NameRule]] = MappingProxyType(
    {
        ("AWS::ApiGateway::RestApi", "Name"): _ANY,
        ("AWS::ApiGatewayV2::VpcLink", "Name"): _ANY,
        ("AWS::CloudWatch::Alarm", "AlarmName"): NameRule(
            r"[ -~]{1,255}", "1 to 255 characters of ASCII"
        ),
        ("AWS::CloudWatch::Dashboard", "DashboardName"): _PLAIN,
        ("AWS::ECR::Repository", "RepositoryName"): NameRule(
            r"(?=.{2,256}$)([a-z0-9]+((\.|_|__|-)[a-z0-9]+)*/)*[a-z0-9]+((\.|_|__|-)[a-z0-9]+)*",
            "2 to 256 lowercase letters and digits in groups joined by ., _, __, - or /",
        ),
        ("AWS::ECS::Cluster", "ClusterName"): _PLAIN,
        ("AWS::ECS::TaskDefinition", "Family"): _PLAIN,
        ("AWS::KMS::Alias", "AliasName"): NameRule(
            r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}",
            "alias/ and 1 to 250 letters, digits, /, _ and -, not beginning with aws/",
        ),
        ("AWS::Logs::DeliveryDestination", "Name"): _SHORT,
        ("AWS::Logs::DeliverySource", "Name"): _SHORT,
        ("AWS::Logs::LogGroup", "LogGroupName"): NameRule(
            r"(?!aws/)[A-Za-z0-9._/#-]{1,512}",
            "1 to 512 letters, digits, ., _, /, # and -, not beginning with aws/",
        ),
    }
)
"""By resource type and property, from AWS's API references:

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
"""


def check_name_rules(context: PreflightContext) -> Iterator[Finding]:
    """Report names of created resources that a service would reject."""
    for (resource_type, name), rule in NAME_RULES.items():
        for logical_id, properties in context.changed(resource_type).items():
            value = properties.get(name)
            if isinstance(value, str) and not re.fullmatch(rule.pattern, value):
                yield report(
                    "names",
                    Severity.ERROR,
                    [logical_id],
                    subject=logical_id,
                    property=name,
                    name=value,
                    allowed=rule.description,
                )


@dataclass(frozen=True)
class UniqueName:
    """A type of resource whose names are unique in an account and region.

    Attributes:
        property: The property with the name.
        find: Returns the ID of the resource that has a name, or None.
        read_tags: Returns the tags of the resource with an ID.
        delete: The arguments of the AWS CLI that delete it, without its name.

    """

    property: str
    find: Callable[[Connection, str], str | None]
    read_tags: Callable[[Connection, str], Mapping[str, str]]
    delete: tuple[str, ...]


def _find_log_group(connection: Connection, name: str) -> str | None:
    groups = describe(connection.logs, "describe_log_groups", logGroupNamePrefix=name)
    arns = (group["arn"] for group in groups if group["logGroupName"] == name)
    return next((str(arn).removesuffix(":*") for arn in arns), None)


def _log_group_tags(connection: Connection, arn: str) -> Mapping[str, str]:
    return connection.logs.list_tags_for_resource(resourceArn=arn)["tags"]


def _find_repository(connection: Connection, name: str) -> str | None:
    ecr = connection.ecr
    with suppress(ecr.exceptions.RepositoryNotFoundException):
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    return None


def _repository_tags(connection: Connection, arn: str) -> Mapping[str, str]:
    return tags_of(connection.ecr.list_tags_for_resource(resourceArn=arn), "tags")


def _find_alias(connection: Connection, name: str) -> str | None:
    kms = connection.kms
    with suppress(kms.exceptions.NotFoundException):
        return kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"]
    return None


def _key_tags(connection: Connection, key: str) -> Mapping[str, str]:
    tags = connection.kms.list_resource_tags(KeyId=key)["Tags"]
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


UNIQUE_NAMES: Final[Mapping[str, UniqueName]] = MappingProxyType(
    {
        "AWS::ECR::Repository": UniqueName(
            "RepositoryName",
            _find_repository,
            _repository_tags,
            ("ecr", "delete-repository", "--force", "--repository-name"),
        ),
        "AWS::KMS::Alias": UniqueName(
            "AliasName", _find_alias, _key_tags, ("kms", "delete-alias", "--alias-name")
        ),
        "AWS::Logs::LogGroup": UniqueName(
            "LogGroupName",
            _find_log_group,
            _log_group_tags,
            ("logs", "delete-log-group", "--log-group-name"),
        ),
    }
)
"""The types whose names the template sets. Their creation fails where the name is taken."""


def check_names_available(context: PreflightContext) -> Iterator[Finding]:
    """Report names that a resource outside the stack has.

    Most often it is a log group that a service has created again after its stack was deleted.
    """
    for change in context.changes:
        unique = UNIQUE_NAMES.get(change.resource_type)
        # A replacement with an unchanged name takes over the name of the existing resource.
        replacing = {part.name for part in change.replacing_properties}
        if unique and (change.action is Action.ADD or unique.property in replacing):
            properties = properties_of(context.resources.get(change.logical_id))
            name = properties.get(unique.property)
            if isinstance(name, str) and (taken := unique.find(context.connection, name)):
                yield _conflict(context, change.logical_id, change.resource_type, name, taken)


def explain_validation(context: PreflightContext, validation: ValidationFinding) -> Finding:
    """Return a finding of early validation, with remediations where a name is taken.

    CloudFormation rejects the change set then, before any check runs.
    """
    finding = validation_finding(validation)
    if not NAME_CONFLICT.search(validation.name) or not finding.subject:
        return finding
    remediations = [Remediation("use-other-name")]
    logical_id = logical_id_of(validation)
    resource = context.resources.get(logical_id, {})
    unique = UNIQUE_NAMES.get(type_of(resource))
    name = properties_of(resource).get(unique.property) if unique else None
    if unique and isinstance(name, str):
        with suppress(BotoCoreError, ClientError):
            if taken := unique.find(context.connection, name):
                conflict = _conflict(context, logical_id, type_of(resource), name, taken)
                return replace(
                    finding,
                    details={**finding.details, "conflict": conflict.details},
                    remediations=conflict.remediations,
                )
    return replace(finding, remediations=remediations)


def _conflict(
    context: PreflightContext, logical_id: str, resource_type: str, name: str, taken: str
) -> Finding:
    """Return the finding that a name is taken.

    Deleting the resource is proposed only where it is known that no stack has it.
    """
    unique = UNIQUE_NAMES[resource_type]
    owner, stack = _owner_of(context, unique, taken)
    remediations = [Remediation("use-other-name")]
    if owner in {"none", "deleted-stack"}:
        argv = aws_command(context.connection, *unique.delete, name)
        remediations.insert(0, Remediation("delete-resource", {"argv": argv}))
        remediations.append(Remediation("import-resource", {"resource_type": resource_type}))
    elif owner == "own-stack":
        # CloudFormation creates the resource under its new logical ID before deleting the old one.
        remediations = [Remediation("remove-first")]
    return report(
        "name-taken",
        Severity.ERROR,
        [logical_id],
        *remediations,
        subject=logical_id,
        resource_type=resource_type,
        name=name,
        owner=owner,
        stack=stack,
    )


def _owner_of(context: PreflightContext, unique: UniqueName, taken: str) -> tuple[str, str]:
    """Return the kind of owner of an existing resource, and its stack where it has one.

    The owner is `none`, `deleted-stack`, `own-stack`, `other-stack`, or `unknown` where tags or
    stack cannot be read. Keys have the environment's tag, but none of CloudFormation's.
    """
    connection, stack = context.connection, ""
    try:
        tags = unique.read_tags(connection, taken)
        environment = tags.get(ENVIRONMENT_TAG, "")
        stack = tags.get(STACK_TAG) or stack_name_of(context, environment)
        if not stack:
            return "unknown" if environment else "none", ""
        found = find_stack(connection.cloudformation, stack)
    except (BotoCoreError, ClientError):
        return "unknown", stack
    # The change set of a creation makes an empty stack of that name.
    if found is None or found.status in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}:
        return "deleted-stack", stack
    return "own-stack" if stack == context.environment.stack_name else "other-stack", stack
