"""The service starts new tasks after RDS has rotated the database password.

ECS injects a secret when a task starts, so running tasks keep the old password. Secrets Manager
sends an event to EventBridge when a new version becomes current, without CloudTrail
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/secret-event-notifications.html), and
a state machine deploys the service again and waits for the result. No Lambda function is needed.
"""

from dataclasses import dataclass
from typing import Any

from awacs import ecs as ecs_actions
from awacs import states as states_actions
from troposphere import Sub
from troposphere.events import Rule, Target
from troposphere.iam import Role
from troposphere.stepfunctions import StateMachine

from .context import Context, ToJsonString
from .database import Database
from .policies import allow, inline_policy, trust_policy
from .service import Containers

POLL_SECONDS = 30
TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Rotation:
    """The rule that matches a rotation, and the state machine that it starts."""

    rule: Rule
    state_machine: StateMachine


def add_rotation(context: Context, *, database: Database, containers: Containers) -> Rotation:
    """Add the rule for the database's secret and the state machine that it starts."""
    roll = allow(
        [ecs_actions.DescribeServices, ecs_actions.UpdateService], [containers.service.ref()]
    )
    roll_role = context.add(
        Role(
            "RollServiceRole",
            AssumeRolePolicyDocument=trust_policy("states"),
            Policies=[inline_policy("roll-service", roll)],
        )
    )
    state_machine = context.add(
        StateMachine(
            "RollServiceStateMachine",
            # Not `Definition`, in which CloudFormation turns numbers into strings.
            DefinitionString=ToJsonString(_roll_service(containers)),
            RoleArn=roll_role.get_att("Arn"),
        )
    )
    start = allow([states_actions.StartExecution], [state_machine.ref()])
    start_role = context.add(
        Role(
            "StartRollRole",
            AssumeRolePolicyDocument=trust_policy("events"),
            Policies=[inline_policy("start-roll", start)],
        )
    )
    rule = context.add(
        Rule(
            "DatabaseSecretRotatedRule",
            Description="The database password has changed",
            EventPattern={
                "detail": {"labelUpdated": ["AWSCURRENT"]},
                "detail-type": ["Secret Label Updated"],
                "resources": [database.secret_arn()],
                "source": ["aws.secretsmanager"],
            },
            Targets=[
                Target(Arn=state_machine.ref(), Id="RollService", RoleArn=start_role.get_att("Arn"))
            ],
        )
    )
    return Rotation(rule=rule, state_machine=state_machine)


def _roll_service(containers: Containers) -> dict[str, Any]:
    """Return the definition of the state machine that replaces the service's tasks.

    `UpdateService` returns at once; the deployment takes minutes. If the circuit breaker rolls it
    back, another deployment becomes the primary one. That also happens if somebody deploys at the
    same time: the alarm is then a false one, which is better than tasks with an old password.
    """
    cluster, service = containers.cluster.ref(), containers.service.get_att("Name")
    errors = ["States.TaskFailed"]
    retry = [{"BackoffRate": 2, "ErrorEquals": errors, "IntervalSeconds": 5, "MaxAttempts": 5}]
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "StartRoll",
        "States": {
            "StartRoll": {
                "Arguments": {"Cluster": cluster, "ForceNewDeployment": True, "Service": service},
                "Assign": {
                    "started": "{% $states.result.Service.Deployments[Status='PRIMARY'].Id %}"
                },
                "Next": "Wait",
                "Resource": _ecs_action("updateService"),
                "Retry": retry,
                "Type": "Task",
            },
            "Wait": {"Next": "DescribeService", "Seconds": POLL_SECONDS, "Type": "Wait"},
            "DescribeService": {
                "Arguments": {"Cluster": cluster, "Services": [service]},
                "Assign": {
                    "primary": "{% $states.result.Services[0].Deployments[Status='PRIMARY'] %}"
                },
                "Next": "IsRolled",
                "Resource": _ecs_action("describeServices"),
                "Retry": retry,
                "Type": "Task",
            },
            "IsRolled": {
                "Choices": [
                    {"Condition": "{% $primary.Id != $started %}", "Next": "RolledBack"},
                    {"Condition": "{% $primary.RolloutState = 'COMPLETED' %}", "Next": "Rolled"},
                    {"Condition": "{% $primary.RolloutState = 'FAILED' %}", "Next": "RolledBack"},
                ],
                "Default": "Wait",
                "Type": "Choice",
            },
            "Rolled": {"Type": "Succeed"},
            "RolledBack": {
                "Cause": "The deployment with the new password is not the one that runs: it was "
                "rolled back, or another one came after it. See the service's events.",
                "Error": "ServiceNotRolled",
                "Type": "Fail",
            },
        },
        "TimeoutSeconds": TIMEOUT_SECONDS,
    }


def _ecs_action(name: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:states:::aws-sdk:ecs:{name}")
