"""The rotation of the application's password, without a Lambda function.

RDS rotates the password of the master user every seven days. Secrets Manager sends an event to
EventBridge when a new version of a secret becomes current, without CloudTrail
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/secret-event-notifications.html):

1. When the secret of the master user changes, an Express state machine stores a new password in the
   secret of the application. Step Functions keeps no history of its executions, in which the
   password would be
   (https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html).
2. When the secret of the application changes, a second state machine deploys the service again. The
   migration of the first new task sets the password. Tasks that run keep their connections, and
   read the secret again when a login fails.

A deployment of CloudFormation that runs at that moment is superseded by the one of the state
machine. CloudFormation may take it for a failure and roll back; the next deployment succeeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from awacs import ecs as ecs_actions
from awacs import logs as logs_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import sqs as sqs_actions
from awacs import states as states_actions
from awacs.aws import Action, ArnEquals, Condition, Principal
from troposphere.events import DeadLetterConfig, Rule, Target
from troposphere.iam import Role
from troposphere.logs import LogGroup
from troposphere.sqs import Queue, QueuePolicy
from troposphere.stepfunctions import (
    CloudWatchLogsLogGroup,
    LogDestination,
    LoggingConfiguration,
    StateMachine,
)

from .context import Context, ToJsonString
from .database import Database
from .logs import add_log_group
from .policies import allow, inline_policy, policy_document, require_tls, trust_policy
from .service import Containers
from .workflows import roll_service, rotate_password

RETENTION_SECONDS = 14 * 24 * 3600

LOG_DELIVERY = (
    logs_actions.CreateLogDelivery,
    logs_actions.DeleteLogDelivery,
    logs_actions.DescribeLogGroups,
    logs_actions.DescribeResourcePolicies,
    logs_actions.GetLogDelivery,
    logs_actions.ListLogDeliveries,
    logs_actions.PutResourcePolicy,
    logs_actions.UpdateLogDelivery,
)
"""What Step Functions does as the role of a state machine that logs, on any resource
(https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html)."""


@dataclass(frozen=True)
class Rotation:
    """The rules of both secrets, the state machines that they start, and the lost events."""

    rules: Sequence[Rule]
    state_machines: Sequence[StateMachine]
    dead_letters: Queue


def add_rotation(context: Context, *, database: Database, containers: Containers) -> Rotation:
    """Add a rule for each secret, the state machine that it starts, and a dead-letter queue."""
    secret = database.application_secret
    log_group = add_log_group(
        # Otherwise each log group takes space in one policy of the account
        # (https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html).
        *(context, "RotationLogGroup"),
        service="aws/vendedlogs/states",
        writer="rotation",
        is_delivered=True,
    )
    rotate = _add_state_machine(
        *(context, "RotatePassword", rotate_password(secret), log_group),
        inline_policy(
            "rotate-password",
            # IAM cannot restrict this action to a resource.
            allow([secretsmanager_actions.GetRandomPassword], ["*"]),
            allow([secretsmanager_actions.PutSecretValue], [secret.ref()]),
        ),
        context.encryption.encrypt_policy(),
        StateMachineType="EXPRESS",
    )
    roll_actions = [ecs_actions.DescribeServices, ecs_actions.UpdateService]
    roll = _add_state_machine(
        *(context, "RollService", roll_service(containers), log_group),
        inline_policy("roll-service", allow(roll_actions, [containers.service.ref()])),
    )
    dead_letters = context.add(
        Queue(
            "RotationDeadLetterQueue",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            MessageRetentionPeriod=RETENTION_SECONDS,
            # Events have no secret. A key of KMS would have to let EventBridge use it.
            SqsManagedSseEnabled=True,
        )
    )
    start = allow([states_actions.StartExecution], [rotate.ref(), roll.ref()])
    start_role = context.add(
        Role(
            "RotationEventsRole",
            AssumeRolePolicyDocument=trust_policy("events"),
            Policies=[inline_policy("start-state-machines", start)],
        )
    )
    rules = [
        context.add(
            Rule(
                f"{owner}SecretRotatedRule",
                Description=f"The password of the {owner.lower()} has changed",
                EventPattern={
                    "detail": {"labelUpdated": ["AWSCURRENT"]},
                    "detail-type": ["Secret Label Updated"],
                    "resources": [secret_arn],
                    "source": ["aws.secretsmanager"],
                },
                Targets=[
                    Target(
                        Arn=state_machine.ref(),
                        DeadLetterConfig=DeadLetterConfig(Arn=dead_letters.get_att("Arn")),
                        Id="StateMachine",
                        RoleArn=start_role.get_att("Arn"),
                    )
                ],
            )
        )
        for owner, secret_arn, state_machine in (
            ("Database", database.secret_arn(), rotate),
            ("Application", secret.ref(), roll),
        )
    ]
    _add_queue_policy(context, dead_letters, rules)
    context.add_output(
        "RotationDeadLetterQueueUrl", "Events that started no state machine.", dead_letters.ref()
    )
    return Rotation(rules=rules, state_machines=[rotate, roll], dead_letters=dead_letters)


def _add_state_machine(
    context: Context,
    name: str,
    definition: dict[str, Any],
    log_group: LogGroup,
    *policies: object,
    **properties: Any,
) -> StateMachine:
    """Add a state machine, which logs its failures without data, and its role."""
    role = context.add(
        Role(
            f"{name}Role",
            AssumeRolePolicyDocument=trust_policy("states"),
            Policies=[*policies, inline_policy("deliver-logs", allow(LOG_DELIVERY, ["*"]))],
        )
    )
    destination = CloudWatchLogsLogGroup(LogGroupArn=log_group.get_att("Arn"))
    return context.add(
        StateMachine(
            f"{name}StateMachine",
            # Not `Definition`, in which CloudFormation turns numbers into strings.
            DefinitionString=ToJsonString(definition),
            LoggingConfiguration=LoggingConfiguration(
                Destinations=[LogDestination(CloudWatchLogsLogGroup=destination)],
                IncludeExecutionData=False,
                Level="ERROR",
            ),
            RoleArn=role.get_att("Arn"),
            **properties,
        )
    )


def _add_queue_policy(context: Context, queue: Queue, rules: Sequence[Rule]) -> None:
    """Let EventBridge send the events of these rules that have started nothing.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    context.add(
        QueuePolicy(
            f"{queue.title}Policy",
            PolicyDocument=policy_document(
                allow(
                    [sqs_actions.SendMessage],
                    [queue.get_att("Arn")],
                    principal=Principal("Service", "events.amazonaws.com"),
                    condition=Condition(
                        ArnEquals({"aws:SourceArn": [rule.get_att("Arn") for rule in rules]})
                    ),
                    sid="LostEvents",
                ),
                require_tls([Action("sqs", "*")], queue.get_att("Arn")),
            ),
            Queues=[queue.ref()],
        )
    )
