"""Log groups, which exist before anything writes to them, and the VPC's flow logs.

RDS alone creates its log groups itself: their names contain the instance's, which is not known
beforehand.
"""

from awacs import logs as logs_actions
from troposphere import Sub
from troposphere.ec2 import FlowLog
from troposphere.iam import Role
from troposphere.logs import LogGroup

from .conditions import Condition
from .context import Context
from .network import Network
from .policies import allow, inline_policy, trust_policy

RETENTION_DAYS = 30

LOG_GROUP_ARN = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
"""The part of a log group's ARN before its name, for `Sub`."""


def add_log_group(
    context: Context,
    title: str,
    *,
    service: str,
    writer: str,
    ending: str = "",
    condition: Condition | None = None,
) -> LogGroup:
    """Add the log group `/<service>/iot-pipeline-<suffix><ending>` and an output with its name.

    The policy of the customer managed key admits only names of this form, where `ending` is empty
    or begins with a slash. `writer` is the part of the system that writes the logs.
    """
    log_group = LogGroup(
        title,
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        KmsKeyId=context.encryption.key_arn(),
        LogGroupName=context.environment_name(prefix=f"/{service}/", ending=ending),
        RetentionInDays=RETENTION_DAYS,
    )
    context.add(log_group, condition=condition)
    description = f"Log group of the {writer}."
    context.add_output(f"{title}Name", description, log_group.ref(), condition=condition)
    return log_group


def add_flow_logs(context: Context, *, network: Network) -> None:
    """Add the flow log of the VPC, its log group and the role that writes to it.

    The role: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
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
        logs_actions.CreateLogGroup,
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
            ResourceId=network.vpc.ref(),
            ResourceType="VPC",
            TrafficType="ALL",
        )
    )
