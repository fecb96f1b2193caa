"""What refuses to be deleted, and so stays behind when it is replaced or removed.

CloudFormation makes the new resource, and then fails to delete the old one. The update is complete
all the same, and nobody looks after the old one any more. To lift the protection together with the
replacement comes too late, since that is only done to the new one.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#deletion-protection
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.operations import command

from .checking import Finding, Severity, Subject

CODE = "deletion-protection"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether what a change set replaces or removes can be deleted."""
    for change in subject.changes:
        goes = change.action == "Remove" or change.replacement == "True"
        is_protected = PROTECTED.get(change.resource_type)
        kept = change.policy_action.endswith("Retain")
        if not (goes and is_protected and change.physical_id) or kept:
            continue
        if is_protected(subject.connection, change.physical_id):
            message = (
                f"{change.logical_id} is to be deleted, and {change.physical_id} is protected from "
                "that: it would stay behind; first lift that without changing anything else: "
                f"{command('deploy', subject.environment, subject.connection)} "
                "--parameter DeletionProtection=disabled"
            )
            yield Finding(CODE, Severity.ERROR, message, [change.logical_id])


def _load_balancer(connection: Connection, arn: str) -> bool:
    answer = connection.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {"Key": "deletion_protection.enabled", "Value": "true"} in answer["Attributes"]


def _database(connection: Connection, identifier: str) -> bool:
    (instance,) = connection.rds.describe_db_instances(DBInstanceIdentifier=identifier)[
        "DBInstances"
    ]
    return bool(instance.get("DeletionProtection"))


PROTECTED: Final[Mapping[str, Callable[[Connection, str], bool]]] = MappingProxyType(
    {
        "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
        "AWS::RDS::DBInstance": _database,
    }
)
"""The resource types that can be protected, each with what asks whether one is."""
