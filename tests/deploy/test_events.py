"""Stack events: the root cause of a failure, the last operation, polling."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from deploying import (
    small_template,
    topic,
)
from iot_pipeline_cfn.deploy import events
from iot_pipeline_cfn.deploy.events import (
    Event,
    MissingPermission,
    last_operation,
    missing_permission,
    root_cause,
    stopped_tasks,
)
from iot_pipeline_cfn.deploy.following import OperationOutcome

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


def test_root_cause_is_the_earliest_failure_that_is_no_cancellation():
    """Failures of the stack itself and of the rollback do not count."""
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


def test_root_cause_is_the_stack_where_no_resource_failed():
    """An output that cannot be resolved fails the stack alone."""
    found = root_cause([event("s", "CREATE_IN_PROGRESS"), event("s", "CREATE_FAILED", "Output x")])
    assert found.reason == "Output x"
    assert root_cause([event("s", "CREATE_COMPLETE")]) is None


def test_explanation_is_the_cause_and_the_stopped_tasks():
    outcome = OperationOutcome(
        [event("Service", "CREATE_FAILED", "did not stabilize")], ["no image"]
    )
    assert outcome.explanation() == [
        "Service (AWS::SNS::Topic): did not stabilize",
        "stopped task: no image",
    ]


USER = "arn:aws:iam::123456789012:user/me"
TOPIC = "arn:aws:sns:us-east-1:123456789012:a"
EC2 = "You are not authorized to perform this operation."


@pytest.mark.parametrize(
    ("reason", "permission"),
    [
        (
            f"User: {USER} is not authorized to perform: sns:Publish on resource: {TOPIC}. because",
            MissingPermission(USER, "sns:Publish", TOPIC, is_encoded=False),
        ),
        (
            f"User: {USER} is not authorized to perform: iam:CreateRole with an explicit deny",
            MissingPermission(USER, "iam:CreateRole", "", is_encoded=False),
        ),
        (
            f"API: ec2:allocateAddress {EC2} Encoded authorization failure message: abc",
            MissingPermission("", "ec2:allocateAddress", "", is_encoded=True),
        ),
        (
            f"{EC2} (Service: Ec2, Status Code: 403)",
            MissingPermission("", "", "", is_encoded=False),
        ),
        ("AddressLimitExceeded", None),
    ],
)
def test_missing_permission_is_read_from_the_reason(reason, permission):
    assert missing_permission(reason) == permission
    lines = OperationOutcome([event("Database", "CREATE_FAILED", reason)]).explanation()
    assert lines[1:] == ([permission.remedy()] if permission else [])


def test_last_operation_includes_its_rollback(stubbed, stubber):
    """Pages of older operations are not read."""
    newest_first = [
        described(6, "s", "UPDATE_ROLLBACK_COMPLETE"),
        described(5, "s", "UPDATE_ROLLBACK_IN_PROGRESS"),
        described(4, "A", "UPDATE_FAILED"),
        described(3, "s", "UPDATE_IN_PROGRESS"),
        described(2, "s", "CREATE_COMPLETE"),
        described(1, "s", "CREATE_IN_PROGRESS"),
    ]
    first = {"StackEvents": newest_first[:2], "NextToken": "1"}
    second = {"StackEvents": newest_first[2:], "NextToken": "2"}
    stubber.add_response("describe_stack_events", first, {"StackName": ARN})
    stubber.add_response("describe_stack_events", second, {"StackName": ARN, "NextToken": "1"})
    found = last_operation(stubbed.cloudformation, ARN)
    assert [one.id for one in found] == ["3", "4", "5", "6"]


def test_stopped_task_has_its_reason_and_those_of_its_containers(stubbed):
    request = {
        "cluster": "cluster",
        "serviceName": "service",
        "desiredStatus": "STOPPED",
        "maxResults": 3,
    }
    containers = [
        {"name": "iot-processor", "reason": "CannotPullContainerError"},
        {"name": "other"},
    ]
    task = {"stoppedReason": "Task failed to start", "containers": containers}
    with Stubber(stubbed.ecs) as stubber:
        stubber.add_response("list_tasks", {"taskArns": ["task"]}, request)
        described_task = {"cluster": "cluster", "tasks": ["task"]}
        stubber.add_response("describe_tasks", {"tasks": [task]}, described_task)
        assert stopped_tasks(stubbed, SERVICE) == [
            "Task failed to start; iot-processor: CannotPullContainerError"
        ]


def test_unreadable_tasks_are_no_error(stubbed):
    """The failure that is being explained must not be hidden."""
    with Stubber(stubbed.ecs) as stubber:
        stubber.add_client_error("list_tasks", "AccessDeniedException")
        assert stopped_tasks(stubbed, SERVICE) == []
    assert stopped_tasks(stubbed, "not an ARN") == []


def test_all_events_of_a_large_operation_are_shown(project):
    """There are more than 300, on several pages."""
    topics = {f"Topic{number}": topic() for number in range(150)}
    project.write(small_template(topics))
    _, _, *followed, _ = project.deploy("pr1", "--json").documents
    shown = project.run("events", "pr1", "--json").documents
    assert len(shown) == 2 * 151 + 2
    assert shown[0]["status"] == "CREATE_IN_PROGRESS"
    assert followed == shown
