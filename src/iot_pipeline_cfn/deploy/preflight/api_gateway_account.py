"""The role with which API Gateway writes logs, which is once for an account and region.

A stage with access logs is refused without it.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

from collections.abc import Iterator

from .checking import Finding, Severity, Subject
from .commands import aws_command

CODE = "api-gateway-account"

POLICY = "AmazonAPIGatewayPushToCloudWatchLogs"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether API Gateway has the role, where a stage begins to write access logs."""
    stages = [
        logical_id
        for logical_id, properties in subject.touched(
            "AWS::ApiGateway::Stage", "AccessLogSetting"
        ).items()
        if "AccessLogSetting" in properties
    ]
    if stages and not subject.connection.apigateway.get_account().get("cloudwatchRoleArn"):
        operation = "op=replace,path=/cloudwatchRoleArn,value=ARN"
        update = ("apigateway", "update-account", "--patch-operations", operation)
        message = (
            f"API Gateway has no role to write logs with in {subject.connection.region}, and "
            "refuses a stage with access logs; ways on: --parameter ApiAccessLogs=disabled; once "
            f"for the account and region, a role with the policy {POLICY} (docs/preflight.md), and "
            f"{aws_command(subject.connection, *update)}"
        )
        yield Finding(CODE, Severity.ERROR, message, stages)
