"""The state machines of a rotation, in the Amazon States Language.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from typing import Any

from troposphere import Sub
from troposphere.secretsmanager import Secret

from .database import APPLICATION_USERNAME, PASSWORD
from .service import Containers

POLL_SECONDS = 30
TIMEOUT_SECONDS = 3600
RETRY = (
    {
        "BackoffRate": 2,
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 5,
        "MaxAttempts": 5,
    },
)


def rotate_password(secret: Secret) -> dict[str, Any]:
    """Return the definition that stores a new random password in the application's secret.

    An event can arrive twice. The secret then changes twice, and the last value is used.
    """
    login = f"{{'password': $password, 'username': '{APPLICATION_USERNAME}'}}"
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "GeneratePassword",
        "States": {
            "GeneratePassword": {
                "Arguments": dict(PASSWORD),
                "Assign": {"password": "{% $states.result.RandomPassword %}"},
                "Next": "StorePassword",
                "Resource": _action("secretsmanager:getRandomPassword"),
                "Retry": RETRY,
                "Type": "Task",
            },
            "StorePassword": {
                "Arguments": {
                    "SecretId": secret.ref(),
                    "SecretString": f"{{% $string({login}) %}}",
                },
                "End": True,
                "Resource": _action("secretsmanager:putSecretValue"),
                "Retry": RETRY,
                "Type": "Task",
            },
        },
    }


def roll_service(containers: Containers) -> dict[str, Any]:
    """Return the definition that replaces the service's tasks.

    `UpdateService` returns at once; the deployment takes minutes. If the circuit breaker rolls it
    back, another deployment becomes the primary one. That also happens if somebody deploys at the
    same time: the alarm is then a false one, which is better than tasks with an old password.
    """
    cluster, service = containers.cluster.ref(), containers.service.get_att("Name")
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
                "Resource": _action("ecs:updateService"),
                "Retry": RETRY,
                "Type": "Task",
            },
            "Wait": {"Next": "DescribeService", "Seconds": POLL_SECONDS, "Type": "Wait"},
            "DescribeService": {
                "Arguments": {"Cluster": cluster, "Services": [service]},
                "Assign": {
                    "primary": "{% $states.result.Services[0].Deployments[Status='PRIMARY'] %}"
                },
                "Next": "IsRolled",
                "Resource": _action("ecs:describeServices"),
                "Retry": RETRY,
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


def _action(name: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:states:::aws-sdk:{name}")
