"""Drift, from answers that the emulator never gives and on the emulator."""

from datetime import UTC, datetime

import pytest

from deploying import small_template, topic
from iot_pipeline_cfn.deploy import drift
from iot_pipeline_cfn.deploy.drift import Drift, detect_drift, find_drift_of_changes
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.observer import Observer
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.template.changes import Action, ResourceChange

CREATED = datetime(2026, 1, 31, tzinfo=UTC)


class Notices(Observer):
    """An observer that keeps the notices."""

    def __init__(self):
        self.notices = []

    def notify(self, finding):
        self.notices.append((finding.code, finding.details["reason"]))


@pytest.fixture
def operations(stubbed):
    return Operations(Environment("pr1", "pr1"), stubbed, Notices())


def found(stubber, status, **others):
    stubber.add_response("detect_stack_drift", {"StackDriftDetectionId": "1"})
    answer = {
        "StackId": "s",
        "StackDriftDetectionId": "1",
        "DetectionStatus": status,
        "Timestamp": CREATED,
    }
    stubber.add_response("describe_stack_drift_detection_status", answer | others)


RESOURCE = {
    "StackId": "s",
    "LogicalResourceId": "Vpc",
    "ResourceType": "AWS::EC2::VPC",
    "StackResourceDriftStatus": "MODIFIED",
    "Timestamp": CREATED,
}
STACK = type("Stack", (), {"arn": "s"})


def changed(name, physical_id="any"):
    return ResourceChange(Action.MODIFY, name, "AWS::EC2::VPC", physical_id=physical_id)


def test_drift_names_each_property(operations, stubber):
    """A deleted resource has no properties."""
    found(stubber, "DETECTION_COMPLETE")
    difference = {
        "PropertyPath": "/CidrBlock",
        "ExpectedValue": "a",
        "ActualValue": "b",
        "DifferenceType": "NOT_EQUAL",
    }
    first = {"StackResourceDrifts": [RESOURCE | {"PropertyDifferences": [difference]}]}
    second = {"StackResourceDrifts": [RESOURCE | {"StackResourceDriftStatus": "DELETED"}]}
    stubber.add_response("describe_stack_resource_drifts", first | {"NextToken": "1"})
    stubber.add_response("describe_stack_resource_drifts", second)
    assert detect_drift(operations, STACK) == [
        Drift("Vpc", "AWS::EC2::VPC", "/CidrBlock", "not_equal"),
        Drift("Vpc", "AWS::EC2::VPC", "", "deleted"),
    ]


def test_failed_drift_detection_is_an_error(operations, stubber):
    found(stubber, "DETECTION_FAILED")
    stubber.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": []})
    with pytest.raises(DeploymentError) as error:
        detect_drift(operations, STACK)
    assert error.value.code == "drift-detection-failed"


def test_plan_knows_the_drift_of_some_resources_where_others_cannot_be_read(operations, stubber):
    """Other resources can have drifted before."""
    found(stubber, "DETECTION_FAILED", DetectionStatusReason="no permission")
    drifts = [RESOURCE, RESOURCE | {"LogicalResourceId": "Other"}]
    stubber.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": drifts})
    (drift,) = find_drift_of_changes(
        operations, STACK, [changed("Vpc"), changed("New", "")], detects=True
    )
    assert drift.logical_id == "Vpc"
    assert operations.observer.notices == [("drift-unknown", "no permission")]


def test_plan_goes_on_where_drift_is_not_detected(operations, stubber, monkeypatch):
    assert find_drift_of_changes(operations, STACK, [changed("New", "")], detects=True) == []
    stubber.add_client_error("detect_stack_drift", "AccessDenied")
    assert find_drift_of_changes(operations, STACK, [changed("Vpc")], detects=True) is None
    monkeypatch.setattr(drift, "SECONDS_IN_A_PLAN", 0.01)
    found(stubber, "DETECTION_IN_PROGRESS")
    assert find_drift_of_changes(operations, STACK, [changed("Vpc")], detects=True) is None
    assert [code for code, _ in operations.observer.notices] == ["drift-unknown"] * 2


def test_plan_names_the_drift_of_what_it_changes(project, aws):
    """It is that of the last detection, unless the plan detects it."""
    project.write(small_template({"Other": topic(DisplayName="other")}))
    assert project.deploy("pr1").status == 0
    for arn in (each["TopicArn"] for each in aws("sns").list_topics()["Topics"]):
        aws("sns").set_topic_attributes(
            TopicArn=arn, AttributeName="DisplayName", AttributeValue="by hand"
        )
    assert project.plan("pr1", "--image-tag", "v2")["drift"] is None
    for options in (["--drift"], []):
        planned = project.plan("pr1", "--image-tag", "v2", *options)
        assert [(each["logical_id"], each["path"]) for each in planned["drift"]] == [
            ("Topic", "/DisplayName")
        ]
        assert planned["changes"][0]["logical_id"] == "Topic"
