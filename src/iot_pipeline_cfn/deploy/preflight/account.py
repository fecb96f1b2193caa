"""Set-up that an AWS account has once, for all environments."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.deploy.operations import command_line
from iot_pipeline_cfn.template.findings import Finding, Severity

from .checking import PreflightContext, describe, report, run_command, set_parameter

ROLE_PATH: Final = "/aws-service-role/"

SERVICE_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::ApiGatewayV2::VpcLink": "ops.apigateway.amazonaws.com",
        "AWS::ApplicationAutoScaling::ScalableTarget": "ecs.application-autoscaling.amazonaws.com",
        "AWS::ECS::Cluster": "ecs.amazonaws.com",
        "AWS::ElastiCache::ReplicationGroup": "elasticache.amazonaws.com",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
        "AWS::RDS::DBInstance": "rds.amazonaws.com",
    }
)
"""Resource types, each with the service that needs its service-linked role to create one."""


def check_service_linked_roles(context: PreflightContext) -> Iterator[Finding]:
    """Report the service-linked roles that the account lacks.

    A service creates its role at the first use, which needs `iam:CreateServiceLinkedRole`. ECS and
    RDS use the role at once, before IAM has propagated it: the first stack of an account often
    fails for that, the second does not.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
    https://github.com/aws/containers-roadmap/issues/2614
    """
    needed = {
        service: created
        for resource_type, service in SERVICE_ROLES.items()
        if (created := context.created(resource_type))
    }
    if not needed:
        return
    roles = describe(context.connection.iam, "list_roles", PathPrefix=ROLE_PATH)
    existing = {role["Path"].removeprefix(ROLE_PATH).rstrip("/") for role in roles}
    if missing := sorted(needed.keys() - existing):
        create = ("aws", "iam", "create-service-linked-role", "--aws-service-name")
        yield report(
            "service-linked-roles",
            Severity.WARNING,
            [logical_id for service in missing for logical_id in needed[service]],
            *(run_command(*create, service) for service in missing),
            problem="missing",
            services=missing,
        )


def check_api_gateway_account(context: PreflightContext) -> Iterator[Finding]:
    """Report that API Gateway has no role for access logs, where a stage starts to write them.

    The role is set once for an account and region; without it a stage with access logs is rejected.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    stages = [
        logical_id
        for logical_id, properties in context.changed(
            "AWS::ApiGateway::Stage", "AccessLogSetting"
        ).items()
        if "AccessLogSetting" in properties
    ]
    if stages and not context.connection.apigateway.get_account().get("cloudwatchRoleArn"):
        yield report(
            "api-gateway-account",
            Severity.ERROR,
            stages,
            set_parameter("ApiAccessLogs", "disabled"),
            run_command(*command_line("bootstrap", context.connection)),
            problem="no-role",
            region=context.connection.region,
            policy="AmazonAPIGatewayPushToCloudWatchLogs",
        )
