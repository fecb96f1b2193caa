"""Changes during which requests fail, although the update succeeds."""

from collections.abc import Iterator
from typing import Final

from iot_pipeline_cfn.deploy.protection import is_protected
from iot_pipeline_cfn.template.changes import Replacement, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import properties_of
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .checking import PreflightContext, changed_properties, report

OUTAGES: Final = frozenset({"BackupRetentionPeriod", "DBInstanceClass", "EngineVersion"})
"""Properties of a database whose change stops it, or fails it over
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html). Backups
do so when they are switched on or off
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html).
"""


def check_interruption(context: PreflightContext) -> Iterator[Finding]:
    """Report changes that interrupt a service in use: an error in a protected environment."""
    if context.stack is None or not context.stack.parameters.get(IMAGE_PARAMETER):
        return
    severity = Severity.ERROR if is_protected(context.stack) else Severity.WARNING
    for change in context.changes:
        if problem := _problem(context, change):
            ids, subject = [change.logical_id], change.logical_id
            yield report("interruption", severity, ids, subject=subject, problem=problem)


def _problem(context: PreflightContext, change: ResourceChange) -> str:
    properties = changed_properties(change)
    match change.resource_type:
        case "AWS::ElasticLoadBalancingV2::LoadBalancer":
            # The API calls the new one before it has targets, or the old one when it has none left.
            return "load-balancer" if change.replacement is Replacement.YES else ""
        case "AWS::RDS::DBInstance":
            return "database" if OUTAGES & properties.keys() else ""
        case "AWS::ApiGateway::Method":
            return "authorization" if "AuthorizationType" in properties else ""
        case "AWS::ECS::Service" if "DesiredCount" in properties:
            service = context.resources.get(change.logical_id, {})
            return "no-tasks" if properties_of(service).get("DesiredCount") == 0 else ""
    return ""
