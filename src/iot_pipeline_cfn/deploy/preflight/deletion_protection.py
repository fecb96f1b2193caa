"""Deletion protection of resources that a change deletes.

CloudFormation creates the replacement, fails to delete the protected resource, completes the update
and forgets the resource. Lifting the protection in the same update only reaches the replacement.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#deletion-protection
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.template.changes import Action, Replacement
from iot_pipeline_cfn.template.findings import Finding, Severity

from .checking import PreflightContext, report


def check_deletion_protection(context: PreflightContext) -> Iterator[Finding]:
    """Report resources that the changes delete and that are protected from deletion."""
    for change in context.changes:
        is_deleted = change.action is Action.REMOVE or change.replacement is Replacement.YES
        is_protected = PROTECTION.get(change.resource_type)
        is_retained = change.policy_action.endswith("Retain")
        if not (is_deleted and is_protected and change.physical_id) or is_retained:
            continue
        if is_protected(context.connection, change.physical_id):
            yield report(
                "deletion-protection",
                Severity.ERROR,
                [change.logical_id],
                context.deployer("deploy", "--parameter", "DeletionProtection=disabled"),
                subject=change.logical_id,
                physical_id=change.physical_id,
            )


def _is_balancer_protected(connection: Connection, arn: str) -> bool:
    answer = connection.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {"Key": "deletion_protection.enabled", "Value": "true"} in answer["Attributes"]


def _is_database_protected(connection: Connection, identifier: str) -> bool:
    answer = connection.rds.describe_db_instances(DBInstanceIdentifier=identifier)
    return any(instance.get("DeletionProtection") for instance in answer["DBInstances"])


PROTECTION: Final[Mapping[str, Callable[[Connection, str], bool]]] = MappingProxyType(
    {
        "AWS::ElasticLoadBalancingV2::LoadBalancer": _is_balancer_protected,
        "AWS::RDS::DBInstance": _is_database_protected,
    }
)
"""The resource types that have deletion protection, and how to read it."""
