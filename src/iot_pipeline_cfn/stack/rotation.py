"""What happens when RDS has rotated the database password: the service starts fresh tasks.

ECS injects a secret when a task starts, so tasks that run keep the old password. Secrets Manager
tells EventBridge when the new version becomes current, without CloudTrail
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/secret-event-notifications.html), and
a state machine rolls the service and waits for the outcome. No function of ours takes part.
"""

from dataclasses import dataclass
from typing import Any

from awacs import ecs as ecs_actions
from awacs import states as states_actions
from troposphere import Sub, Template
from troposphere.events import Rule, Target
from troposphere.iam import Policy, Role
from troposphere.stepfunctions import StateMachine

from .context import Environment
from .database import Database
from .language_extensions import ToJsonString
from .naming import tags
from .policies import allow, policy_document, trust_policy
from .service import Containers

COMPONENT = "rotation"
POLL_SECONDS = 30
TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Rotation:
    """The rule that sees a rotation, and the state machine that rolls the service."""

    rule: Rule
    state_machine: StateMachine


def add_rotation(
    template: Template, *, environment: Environment, database: Database, containers: Containers
) -> Rotation:
    """Add the rule for the secret of the database and what it starts."""
    service = containers.service
    roll_role = template.add_resource(
        Role(
            "RollServiceRole",
            AssumeRolePolicyDocument=trust_policy("states"),
            Policies=[
                Policy(
                    PolicyName="roll-service",
                    PolicyDocument=policy_document(
                        allow(
                            [ecs_actions.DescribeServices, ecs_actions.UpdateService],
                            [service.ref()],
                        )
                    ),
                )
            ],
            Tags=tags(environment.suffix, "roll-service-role", component=COMPONENT),
        )
    )
    state_machine = template.add_resource(
        StateMachine(
            "RollServiceStateMachine",
            # Not `Definition`: there, CloudFormation would turn the numbers into text.
            DefinitionString=ToJsonString(roll_service(containers)),
            RoleArn=roll_role.get_att("Arn"),
            Tags=tags(environment.suffix, "roll-service", component=COMPONENT),
        )
    )
    start_role = template.add_resource(
        Role(
            "StartRollRole",
            AssumeRolePolicyDocument=trust_policy("events"),
            Policies=[
                Policy(
                    PolicyName="start-roll",
                    PolicyDocument=policy_document(
                        allow([states_actions.StartExecution], [state_machine.ref()])
                    ),
                )
            ],
            Tags=tags(environment.suffix, "start-roll-role", component=COMPONENT),
        )
    )
    rule = template.add_resource(
        Rule(
            "DatabaseSecretRotatedRule",
            Description="The database password has changed",
            EventPattern={
                "detail": {"labelUpdated": ["AWSCURRENT"]},
                "detail-type": ["Secret Label Updated"],
                "resources": [database.secret_arn()],
                "source": ["aws.secretsmanager"],
            },
            Tags=tags(environment.suffix, "secret-rotated", component=COMPONENT),
            Targets=[
                Target(Arn=state_machine.ref(), Id="RollService", RoleArn=start_role.get_att("Arn"))
            ],
        )
    )
    return Rotation(rule=rule, state_machine=state_machine)


def roll_service(containers: Containers) -> dict[str, Any]:
    """Return the state machine that replaces the service's tasks and waits until they are.

    ECS answers at once and rolls for minutes. When its circuit breaker gives up, another deployment
    becomes the primary one. That also happens when somebody deploys meanwhile; better one alarm
    too many than tasks that run on with a dead password.
    """
    cluster, service = containers.cluster.ref(), containers.service.get_att("Name")
    retry = [
        {
            "BackoffRate": 2,
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 5,
            "MaxAttempts": 5,
        }
    ]
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "StartRoll",
        "States": {
            "StartRoll": {
                "Arguments": {
                    "Cluster": cluster,
                    "ForceNewDeployment": True,
                    "Service": service,
                },
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
                    {
                        "Condition": "{% $primary.Id != $started %}",
                        "Next": "RolledBack",
                    },
                    {
                        "Condition": "{% $primary.RolloutState = 'COMPLETED' %}",
                        "Next": "Rolled",
                    },
                    {
                        "Condition": "{% $primary.RolloutState = 'FAILED' %}",
                        "Next": "RolledBack",
                    },
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
