"""Following an operation, and finding what made it fail."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from deploying import made_up_session
from iot_pipeline_cfn.deploy import events
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.events import Event, last_operation, poll, root_cause, stopped_tasks
from iot_pipeline_cfn.deploy.following import Outcome

ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"
SERVICE = "arn:aws:ecs:us-east-1:123456789012:service/cluster/service"


def event(logical_id, status, reason="", resource_type="AWS::SNS::Topic"):
    of_stack = logical_id == "s"
    return Event(
        f"{logical_id}-{status}",
        datetime.now(UTC),
        logical_id,
        ARN if of_stack else logical_id,
        events.STACK if of_stack else resource_type,
        status,
        reason,
        "",
        of_stack,
    )


def described(number, logical_id, status):
    of_stack = logical_id == "s"
    return {
        "StackId": ARN,
        "StackName": "s",
        "EventId": str(number),
        "Timestamp": datetime.now(UTC),
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": ARN if of_stack else logical_id,
        "ResourceType": events.STACK if of_stack else "AWS::SNS::Topic",
        "ResourceStatus": status,
    }


@pytest.fixture
def session():
    return made_up_session()


def test_root_cause_is_the_earliest_failure_of_its_own():
    """Not what was cancelled for its sake, nor the stack, nor what failed while rolling back."""
    found = root_cause(
        [
            event("s", "CREATE_IN_PROGRESS"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "AddressLimitExceeded"),
            event("C", "CREATE_FAILED", "Resource creation cancelled"),
            event("s", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [B]."),
            event("D", "DELETE_FAILED", "still in use"),
            event("s", "ROLLBACK_FAILED"),
        ]
    )
    assert (found.logical_id, found.reason) == ("B", "AddressLimitExceeded")


def test_failure_of_the_stack_itself_is_the_cause_where_no_resource_failed():
    """Such as an output that does not resolve."""
    found = root_cause([event("s", "CREATE_IN_PROGRESS"), event("s", "CREATE_FAILED", "Output x")])
    assert found.reason == "Output x"
    assert root_cause([event("s", "CREATE_COMPLETE")]) is None


def test_explanation_is_the_cause_and_why_tasks_stopped():
    """One line for each."""
    outcome = Outcome([event("Service", "CREATE_FAILED", "did not stabilize")], ["no image"])
    assert outcome.explanation() == [
        "Service (AWS::SNS::Topic): did not stabilize",
        "stopped task: no image",
    ]


USER = "arn:aws:iam::123456789012:user/me"
TOPIC = "arn:aws:sns:us-east-1:123456789012:a"
EC2 = "You are not authorized to perform this operation."
DECODE = "aws sts decode-authorization-message --encoded-message ... shows why it is not"


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        (
            f"User: {USER} is not authorized to perform: sns:Publish on resource: {TOPIC} because",
            f"have sns:Publish on {TOPIC} allowed to {USER}",
        ),
        (
            f"User: {USER} is not authorized to perform: iam:CreateRole with an explicit deny",
            f"have iam:CreateRole allowed to {USER}",
        ),
        (
            f"API: ec2:allocateAddress {EC2} Encoded authorization failure message: abc",
            f"have ec2:allocateAddress allowed to whoever deploys; {DECODE}",
        ),
        (
            f"{EC2} (Service: Ec2, Status Code: 403)",
            "have what it needs allowed to whoever deploys",
        ),
    ],
)
def test_permission_that_is_missing_is_told_with_who_needs_it(reason, way):
    """In the second line of the explanation."""
    first, second = Outcome([event("Database", "CREATE_FAILED", reason)]).explanation()
    assert first == f"Database (AWS::SNS::Topic): {reason}"
    assert second == f"a permission is missing: {way}"


def test_last_operation_begins_where_somebody_asked_for_it(session):
    """Its roll-back belongs to it, and the operation before does not; pages are read as needed."""
    client = session.client("cloudformation")
    newest_first = [
        described(6, "s", "UPDATE_ROLLBACK_COMPLETE"),
        described(5, "s", "UPDATE_ROLLBACK_IN_PROGRESS"),
        described(4, "A", "UPDATE_FAILED"),
        described(3, "s", "UPDATE_IN_PROGRESS"),
        described(2, "s", "CREATE_COMPLETE"),
        described(1, "s", "CREATE_IN_PROGRESS"),
    ]
    with Stubber(client) as stubber:
        first = {"StackEvents": newest_first[:2], "NextToken": "1"}
        second = {"StackEvents": newest_first[2:], "NextToken": "2"}
        stubber.add_response("describe_stack_events", first, {"StackName": ARN})
        stubber.add_response("describe_stack_events", second, {"StackName": ARN, "NextToken": "1"})
        found = last_operation(client, ARN)
        stubber.assert_no_pending_responses()
    assert [one.id for one in found] == ["3", "4", "5", "6"]


def test_looking_again_is_quick_at_first_and_costs_little_later(monkeypatch):
    """Within what CloudFormation allows: after a minute, a call every five seconds."""
    now = 0.0
    pauses = []

    def sleep(seconds):
        nonlocal now
        pauses.append(seconds)
        now += seconds

    monkeypatch.setattr(events.time, "monotonic", lambda: now)
    monkeypatch.setattr(events.time, "sleep", sleep)
    with pytest.raises(TimeoutError):
        list(poll(600))
    assert pauses[0] == events.SHORTEST_PAUSE
    assert max(pauses) == 5.0
    assert sum(pauses) == pytest.approx(600)
    assert len([pause for pause in pauses if pause < 5]) <= 75


def stub_tasks(connection):
    stubber = Stubber(connection.ecs)
    stubber.activate()
    return stubber


def test_stopped_tasks_say_why(session):
    """Of the task, and of each container that has a reason."""
    connection = Connection(session, "us-east-1", Target.AWS)
    stubber = stub_tasks(connection)
    stubber.add_response(
        "list_tasks",
        {"taskArns": ["task"]},
        {
            "cluster": "cluster",
            "serviceName": "service",
            "desiredStatus": "STOPPED",
            "maxResults": 3,
        },
    )
    stubber.add_response(
        "describe_tasks",
        {
            "tasks": [
                {
                    "stoppedReason": "Task failed to start",
                    "containers": [
                        {"name": "iot-processor", "reason": "CannotPullContainerError"},
                        {"name": "other"},
                    ],
                }
            ]
        },
        {"cluster": "cluster", "tasks": ["task"]},
    )
    assert stopped_tasks(connection, SERVICE) == [
        "Task failed to start; iot-processor: CannotPullContainerError"
    ]


def test_failed_look_at_tasks_hides_nothing(session):
    """The failure that is being explained is what counts."""
    connection = Connection(session, "us-east-1", Target.AWS)
    stub_tasks(connection).add_client_error("list_tasks", "AccessDeniedException")
    assert stopped_tasks(connection, SERVICE) == []
    assert stopped_tasks(connection, "not an ARN") == []
