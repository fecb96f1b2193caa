"""Log groups, which exist before anything writes to them, and the VPC's flow logs.

RDS alone creates its log groups itself: their names contain the instance's, which is not known
beforehand.
"""

from awacs import aws
from awacs import logs as logs_actions
from troposphere import AccountId, Sub
from troposphere.ec2 import FlowLog
from troposphere.iam import Role
from troposphere.logs import LogGroup

from iot_pipeline_cfn.template.log_group_names import LOG_GROUP_ENDINGS

from .conditions import Condition
from .context import Context
from .network import Vpc
from .policies import allow, inline_policy, policy_document, trust_policy

RETENTION_DAYS = 30

LOGS_ARN = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:"
LOG_GROUP_ARN = f"{LOGS_ARN}log-group:"
"""The part of a log group's ARN before its name, for `Sub`."""


def add_log_group(
    context: Context,
    title: str,
    *,
    service: str,
    writer: str,
    condition: Condition | None = None,
    is_delivered: bool = False,
) -> LogGroup:
    """Add the log group `/<service>/iot-pipeline-<suffix><ending>` and an output with its name.

    The policy of the customer managed key admits only names of this form, where the ending is empty
    or begins with a slash. `writer` is the part of the system that writes the logs. If the logs are
    delivered (vended logs), the group lets CloudWatch Logs write to it.
    """
    ending = LOG_GROUP_ENDINGS[service]
    log_group = LogGroup(
        title,
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        KmsKeyId=context.encryption.key_arn(),
        LogGroupName=context.environment_name(prefix=f"/{service}/", ending=ending),
        RetentionInDays=RETENTION_DAYS,
    )
    if is_delivered:
        streams = context.environment_name(
            prefix=f"{LOG_GROUP_ARN}/{service}/", ending=f"{ending}:log-stream:*"
        )
        log_group.ResourcePolicyDocument = _delivery_policy(streams).JSONrepr()
    context.add(log_group, condition=condition)
    description = f"Log group of the {writer}."
    context.add_output(f"{title}Name", description, log_group.ref(), condition=condition)
    return log_group


def _delivery_policy(streams: Sub) -> aws.PolicyDocument:
    """Return the policy of a log group without which AWS refuses a delivery to it.

    AWS attaches this policy, with this Sid, to the log group itself if the caller of CreateDelivery
    may do that; so it adds no second statement to this one
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html).
    The name `/aws/vendedlogs/` grants nothing
    (https://github.com/ministryofjustice/cloud-platform/issues/8430). An account and Region may
    have ten `AWS::Logs::ResourcePolicy`, and any number of log groups with a policy of their own
    (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html).
    """
    from_this_account = aws.Condition(
        [
            aws.ArnLike({"aws:SourceArn": Sub(f"{LOGS_ARN}*")}),
            aws.StringEquals({"aws:SourceAccount": AccountId}),
        ]
    )
    return policy_document(
        allow(
            [logs_actions.CreateLogStream, logs_actions.PutLogEvents],
            [streams],
            condition=from_this_account,
            principal=aws.Principal("Service", "delivery.logs.amazonaws.com"),
            sid="AWSLogDeliveryWrite20150319",
        )
    )


def add_flow_logs(context: Context, *, vpc: Vpc) -> None:
    """Add the flow log of the VPC, its log group and the role that writes to it.

    The role: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html, but without
    `logs:CreateLogGroup`: records that arrive after the deletion of the stack would create the log
    group again, and the next creation would fail
    (https://github.com/terraform-aws-modules/terraform-aws-vpc/issues/435).
    """
    has_flow_logs = context.add_switch(
        "FlowLogs",
        condition="HasFlowLogs",
        description="Flow logs of every connection in the VPC.",
        label="Flow logs",
    )
    log_group = add_log_group(
        context, "FlowLogGroup", service="vpc", writer="network", condition=has_flow_logs
    )
    write = [
        logs_actions.CreateLogStream,
        logs_actions.DescribeLogStreams,
        logs_actions.PutLogEvents,
    ]
    role = context.add(
        Role(
            "FlowLogRole",
            AssumeRolePolicyDocument=trust_policy("vpc-flow-logs"),
            Condition=has_flow_logs,
            Policies=[
                inline_policy(
                    "write-flow-logs",
                    allow(write, [log_group.get_att("Arn")]),
                    # IAM cannot restrict this action to one log group.
                    allow([logs_actions.DescribeLogGroups], [Sub(f"{LOG_GROUP_ARN}*")]),
                )
            ],
        )
    )
    context.add(
        FlowLog(
            "FlowLog",
            Condition=has_flow_logs,
            DeliverLogsPermissionArn=role.get_att("Arn"),
            LogGroupName=log_group.ref(),
            ResourceId=vpc.vpc.ref(),
            ResourceType="VPC",
            TrafficType="ALL",
        )
    )
