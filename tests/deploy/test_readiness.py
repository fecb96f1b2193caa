"""Stuck rollbacks, which the emulator has for created resources only."""

from datetime import UTC, datetime

import pytest
from botocore.stub import ANY

from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.events import STACK
from iot_pipeline_cfn.deploy.observer import Observer, Question
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG, StackAction, Verb
from iot_pipeline_cfn.deploy.readiness import make_ready

ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/iot-pipeline-pr1/1"
NAME = "iot-pipeline-pr1"
ROLE = "arn:aws:iam::123456789012:role/cloudformation"
NOW = datetime.now(UTC)


class Recorder(Observer):
    """An observer that gives one answer, and records what it is asked and shown."""

    def __init__(self, *, agrees):
        self.agrees, self.asked, self.notices = agrees, [], []

    def confirm(self, question, environment):
        self.asked.append((question, environment))
        return self.agrees

    def notify(self, finding):
        self.notices.append((finding.code, finding.details["resources"]))


def stack(status):
    tags = [{"Key": ENVIRONMENT_TAG, "Value": "pr1"}]
    described = {"StackId": ARN, "StackName": NAME, "StackStatus": status, "CreationTime": NOW}
    return {"Stacks": [described | {"Tags": tags}]}


def event(number, status):
    return {
        "StackId": ARN,
        "StackName": NAME,
        "EventId": str(number),
        "Timestamp": NOW,
        "LogicalResourceId": NAME,
        "PhysicalResourceId": ARN,
        "ResourceType": STACK,
        "ResourceStatus": status,
    }


EVENTS = [
    event(number, status)
    for number, status in enumerate(
        ("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    )
]


@pytest.fixture
def stuck(stubbed, stubber):
    """A function that makes operations on a stack whose rollback has failed for the database."""

    def stuck(observer, **options):
        operations = Operations(Environment("pr1", "pr1"), stubbed, observer, **options)
        operations.__dict__["location"] = None
        stubber.add_response("describe_stacks", stack("UPDATE_ROLLBACK_FAILED"))
        resources = [
            {
                "LogicalResourceId": name,
                "ResourceType": "AWS::SNS::Topic",
                "ResourceStatus": status,
                "LastUpdatedTimestamp": NOW,
            }
            for name, status in (("Database", "UPDATE_FAILED"), ("Topic", "UPDATE_COMPLETE"))
        ]
        stubber.add_response("list_stack_resources", {"StackResourceSummaries": resources})
        return operations

    return stuck


def test_stuck_rollback_is_asked_about_with_the_resources_that_failed(stuck):
    """Nothing else is called."""
    observer = Recorder(agrees=False)
    with pytest.raises(DeploymentError) as raised:
        make_ready(stuck(observer), Verb.DEPLOY)
    assert raised.value.code == "declined"
    assert observer.asked == [(Question.ROLL_BACK, "pr1")]
    assert observer.notices == [("rolling-back", "Database")]


@pytest.mark.parametrize("agreed", [True, False])
def test_stuck_rollback_can_leave_resources_as_they_are(stuck, stubber, agreed):
    operations = stuck(Recorder(agrees=True), agreed=agreed, skipped=["Database"], role_arn=ROLE)
    request = {
        "StackName": ARN,
        "ResourcesToSkip": ["Database"],
        "RoleARN": ROLE,
        "ClientRequestToken": ANY,
    }
    stubber.add_response("describe_stack_events", {"StackEvents": EVENTS[:1]})
    stubber.add_response("continue_update_rollback", {}, request)
    stubber.add_response("describe_stack_events", {"StackEvents": EVENTS[::-1]})
    stubber.add_response("describe_stacks", stack("UPDATE_ROLLBACK_COMPLETE"))
    _, action = make_ready(operations, Verb.DEPLOY)
    assert action is StackAction.UPDATE
    assert bool(operations.observer.asked) is not agreed


def test_only_resources_that_failed_can_be_skipped(stuck):
    with pytest.raises(DeploymentError) as raised:
        make_ready(stuck(Recorder(agrees=True), agreed=True, skipped=["Topic"]), Verb.DEPLOY)
    assert (raised.value.code, raised.value.details) == ("cannot-skip", {"resources": ["Database"]})
