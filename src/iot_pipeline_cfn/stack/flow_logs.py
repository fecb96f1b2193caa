"""VPC flow logs, for an environment that wants them.

Their role: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
"""

from awacs import logs as logs_actions
from troposphere import Sub, Template
from troposphere.ec2 import FlowLog
from troposphere.iam import Policy, Role

from .context import Environment
from .encryption import Encryption
from .log_groups import add_log_group
from .naming import LOG_GROUP_ARN, tags
from .network import COMPONENT, GROUP, Network
from .policies import allow, policy_document, trust_policy
from .sections import add_switch


def add_flow_logs(
    template: Template, *, environment: Environment, encryption: Encryption, network: Network
) -> None:
    """Add the flow log of the VPC, its log group and the role that writes to it, if wanted."""
    has_flow_logs = add_switch(
        template,
        "FlowLogs",
        condition="HasFlowLogs",
        description="Logs every connection in the VPC.",
        group=GROUP,
        label="Flow logs",
    )
    log_group = add_log_group(
        template,
        "FlowLogGroup",
        service="vpc",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
        condition=has_flow_logs,
    )
    role = template.add_resource(
        Role(
            "FlowLogRole",
            AssumeRolePolicyDocument=trust_policy("vpc-flow-logs"),
            Condition=has_flow_logs,
            Policies=[
                Policy(
                    PolicyName="write-flow-logs",
                    PolicyDocument=policy_document(
                        allow(
                            [
                                logs_actions.CreateLogGroup,
                                logs_actions.CreateLogStream,
                                logs_actions.DescribeLogStreams,
                                logs_actions.PutLogEvents,
                            ],
                            [log_group.get_att("Arn")],
                        ),
                        # A list, which IAM does not narrow to one group.
                        allow(
                            [logs_actions.DescribeLogGroups],
                            [Sub(f"{LOG_GROUP_ARN}*")],
                        ),
                    ),
                )
            ],
            Tags=tags(environment.suffix, "flow-log-role", component=COMPONENT),
        )
    )
    template.add_resource(
        FlowLog(
            "FlowLog",
            Condition=has_flow_logs,
            DeliverLogsPermissionArn=role.get_att("Arn"),
            LogGroupName=log_group.ref(),
            ResourceId=network.vpc.ref(),
            ResourceType="VPC",
            Tags=tags(environment.suffix, "flow-log", component=COMPONENT),
            TrafficType="ALL",
        )
    )
