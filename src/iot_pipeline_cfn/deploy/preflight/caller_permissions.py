"""Permissions that the caller or the service role needs, since CloudFormation acts with them.

IAM's policy simulator evaluates the policies of an identity. It knows neither session policies nor
every key of a request, so a denial is only a warning.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import ClientError

from iot_pipeline_cfn.deploy.concurrency import all_of
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.errors import DENIED, code_of
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity
from iot_pipeline_cfn.template.references import references
from iot_pipeline_cfn.template.schemas import MissingSchemasError, schema_of

from .checking import PreflightContext, describe, report

CODE: Final = "permissions"

CREATING: Final = re.compile(
    ":(Allocate|Associate|Attach|Authorize|Create|POST|PUT|Put|Register)(?!.*Tags)"
)
"""The names of actions that create. Schemas also list those that read, tag and undo."""

IAM_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "apigatewayv2": "apigateway",
        "applicationautoscaling": "application-autoscaling",
        "elasticloadbalancingv2": "elasticloadbalancing",
        "stepfunctions": "states",
    }
)
"""Services of resource types whose actions have another prefix."""

NEEDLESS: Final = frozenset(
    {
        "application-autoscaling:PutScheduledAction",
        "ec2:AssociateAddress",
        "ec2:AttachVpnGateway",
        "ec2:CreateVpcEncryptionControl",
        "elasticloadbalancing:RegisterTargets",
        "iam:AttachRolePolicy",
        "kms:PutKeyPolicy",
        "logs:CreateLogDelivery",
        "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy",
        "logs:PutDeliveryDestinationPolicy",
        "logs:PutIndexPolicy",
        "logs:PutResourcePolicy",
        "rds:CreateDBInstanceReadReplica",
        "sns:PutDataProtectionPolicy",
        "wafv2:PutPermissionPolicy",
    }
)
"""Actions of schemas for properties that the template does not set, or not everywhere."""

ADDITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Elastic Load Balancing authorizes the delivery of its logs, too:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-service-specific.html
        "AWS::Logs::DeliverySource": "elasticloadbalancing:AllowVendedLogDeliveryForResource",
        # RDS creates the secret of the master user.
        "AWS::RDS::DBInstance": "secretsmanager:CreateSecret",
        "AWS::SNS::TopicPolicy": "sns:SetTopicAttributes",
        "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes",
        "AWS::SecretsManager::Secret": "secretsmanager:GetRandomPassword",
    }
)
"""Actions that a creation needs besides those that `CREATING` finds."""

BY_PROPERTY: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"ResourcePolicyDocument": ["logs:DescribeResourcePolicies", "logs:PutResourcePolicy"]}
)
"""Actions that only resources with a property need."""

SCOPES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "apigateway:{region}::/restapis": ["apigateway:POST"],
        "apigateway:{region}::/restapis/x/resources/x/methods/POST": ["apigateway:PUT"],
        "cloudwatch::{account}:dashboard/{stack}": ["cloudwatch:PutDashboard"],
        "cloudwatch:{region}:{account}:alarm:{stack}/x": ["cloudwatch:PutMetricAlarm"],
        "ecr:{region}:{account}:repository/{stack}": [
            "ecr:CreateRepository",
            "ecr:PutLifecyclePolicy",
        ],
        "ecs:{region}:{account}:cluster/{stack}": ["ecs:CreateCluster"],
        "ecs:{region}:{account}:service/{stack}/{stack}-x": ["ecs:CreateService"],
        "ecs:{region}:{account}:task-definition/{stack}:1": ["ecs:RegisterTaskDefinition"],
        "elasticache:{region}:{account}:subnetgroup:{stack}-x": [
            "elasticache:CreateCacheSubnetGroup"
        ],
        "elasticache:{region}:{account}:replicationgroup:{stack}-x": [
            "elasticache:CreateReplicationGroup"
        ],
        "events:{region}:{account}:rule/{stack}-x": ["events:PutRule", "events:PutTargets"],
        "iam::{account}:role/{stack}-x": ["iam:CreateRole", "iam:PassRole", "iam:PutRolePolicy"],
        "kms:{region}:{account}:alias/{stack}": ["kms:CreateAlias"],
        "logs:{region}:{account}:delivery-destination:{stack}": ["logs:PutDeliveryDestination"],
        "logs:{region}:{account}:delivery-source:{stack}": ["logs:PutDeliverySource"],
        "logs:{region}:{account}:delivery:x": ["logs:CreateDelivery"],
        "logs:{region}:{account}:log-group:/ecs/{stack}": [
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
        ],
        "rds:{region}:{account}:db:{stack}-x": ["rds:CreateDBInstance"],
        "rds:{region}:{account}:pg:{stack}-x": ["rds:CreateDBParameterGroup"],
        "rds:{region}:{account}:subgrp:{stack}-x": ["rds:CreateDBSubnetGroup"],
        "sns:{region}:{account}:{stack}-x": ["sns:CreateTopic", "sns:SetTopicAttributes"],
        "sqs:{region}:{account}:{stack}-x": ["sqs:CreateQueue", "sqs:SetQueueAttributes"],
        "states:{region}:{account}:stateMachine:x-{stack}": ["states:CreateStateMachine"],
        "wafv2:{region}:{account}:regional/webacl/{stack}/x": [
            "wafv2:AssociateWebACL",
            "wafv2:CreateWebACL",
        ],
    }
)
"""Resources that policies often allow actions on instead of `*`: ARNs without their beginning.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def check_permissions(context: PreflightContext) -> Iterator[Finding]:
    """Report the actions that the creation of resources needs and that IAM simulates as denied.

    Callers who cannot simulate get no finding; otherwise every deployment would repeat it.
    """
    if not any(change.creates for change in context.changes):
        return
    caller = context.role_arn or context.connection.caller.arn
    try:
        principal = _principal(context.connection, caller)
        if not principal:
            return
        needed = needed_actions(context)
        denied = _denied(context, principal, sorted(needed))
    except MissingSchemasError:
        install = Remediation("install-extra", {"extra": "review"})
        yield report(CODE, Severity.NOTE, [], install, problem="no-schemas")
        return
    except ClientError as error:
        if code_of(error) in DENIED:
            return
        raise
    if denied:
        yield report(
            CODE,
            Severity.WARNING,
            sorted({logical_id for action in denied for logical_id in needed[action]}),
            Remediation("allow-actions", {"principal": principal, "actions": denied}),
            subject=principal,
            problem="denied",
            principal=principal,
            actions=denied,
        )


def needed_actions(context: PreflightContext) -> dict[str, list[str]]:
    """Return the actions that the created resources need, each with their logical IDs.

    Raises:
        MissingSchemasError: cfn-lint is not installed.

    """
    needed: dict[str, list[str]] = {}
    for resource_type in sorted({change.resource_type for change in context.changes}):
        for logical_id, properties in context.changed(resource_type).items():
            for action in sorted({*_actions(context, resource_type, properties)}):
                needed.setdefault(action, []).append(logical_id)
    return needed


def _actions(
    context: PreflightContext, resource_type: str, properties: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the actions that create a resource of a type with these properties.

    Schemas list what any property may need:
    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    handlers = (schema_of(resource_type) or {}).get("handlers", {})
    listed = {*handlers.get("create", {}).get("permissions", ())} - NEEDLESS
    service = resource_type.split("::")[1].lower()
    prefix = IAM_PREFIXES.get(service, service)
    yield from (
        action for action in listed if action.startswith(f"{prefix}:") and CREATING.search(action)
    )
    if resource_type in ADDITIONS:
        yield ADDITIONS[resource_type]
    for name in BY_PROPERTY.keys() & properties.keys():
        yield from BY_PROPERTY[name]
    types = {context.resources.get(name, {}).get("Type") for name in references(properties)}
    if "AWS::KMS::Key" in types:
        # The service calls KMS for the caller, also for the grants that it keeps:
        # https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
        yield from (action for action in listed if action.startswith("kms:"))
    if "iam:PassRole" in listed and "AWS::IAM::Role" in types:
        yield "iam:PassRole"


def _principal(connection: Connection, caller: str) -> str:
    """Return the ARN of a caller's user or role, or nothing for the root user and others.

    The ARN of a role's session lacks the path of the role.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """
    kind, _, name = caller.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return connection.iam.get_role(RoleName=name.partition("/")[0])["Role"]["Arn"]
    return caller if kind in {"role", "user"} else ""


def _denied(context: PreflightContext, principal: str, actions: Sequence[str]) -> list[str]:
    """Return the actions that are allowed neither on `*` nor on resources named as here."""
    _, partition, _, _, account, _ = principal.split(":", 5)
    names = {
        "account": account,
        "region": context.connection.region,
        "stack": context.environment.stack_name,
    }
    denied = {*_simulated_denials(context.connection, principal, actions, "*")}
    scopes = {
        f"arn:{partition}:{scope.format(**names)}": some
        for scope, scoped in SCOPES.items()
        if (some := [action for action in scoped if action in denied])
    }
    simulated = all_of(
        *(
            partial(_simulated_denials, context.connection, principal, some, arn)
            for arn, some in scopes.items()
        )
    )
    for some, still_denied in zip(scopes.values(), simulated, strict=True):
        denied -= {*some} - {*still_denied}
    return sorted(denied)


def _simulated_denials(
    connection: Connection, principal: str, actions: Sequence[str], resource: str
) -> list[str]:
    """Return the actions that the simulator denies although no context value is missing."""
    denied = []
    region = {
        "ContextKeyName": "aws:RequestedRegion",
        "ContextKeyType": "string",
        "ContextKeyValues": [connection.region],
    }
    for result in describe(
        connection.iam,
        "simulate_principal_policy",
        PolicySourceArn=principal,
        ActionNames=actions,
        ResourceArns=[resource],
        ContextEntries=[region],
    ):
        # Missing context values are reported per resource or for all resources.
        results = [result, *result.get("ResourceSpecificResults", [])]
        missing = any(each.get("MissingContextValues") for each in results)
        if result["EvalDecision"] != "allowed" and not missing:
            denied.append(result["EvalActionName"])
    return denied
