"""The list of environments and drift, including what the emulator never answers."""

from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.inventory import Drift, Summary, detect_drift, environment_stacks
from iot_pipeline_cfn.deploy.operations import Operations

CREATED = datetime(2026, 1, 31, tzinfo=UTC)


def stack(name, *tags, **others):
    return {
        "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1",
        "StackName": name,
        "CreationTime": CREATED,
        "StackStatus": "CREATE_COMPLETE",
        "Tags": [{"Key": key, "Value": value} for key, value in tags],
    } | others


def test_environments_are_listed_from_all_pages(stubbed, stubber):
    """Stacks of other tools and deleted stacks are not listed."""
    tag = ("iot-pipeline:environment", "PR-2")
    first = {"Stacks": [stack("iot-pipeline-pr-2", tag), stack("iot-pipeline-other")]}
    gone = stack("iot-pipeline-pr-3", tag, StackStatus="DELETE_COMPLETE")
    protected = stack(
        "iot-pipeline-aa",
        ("iot-pipeline:environment", "aa"),
        ("iot-pipeline:owner", "somebody"),
        EnableTerminationProtection=True,
        LastUpdatedTime=CREATED + timedelta(days=1),
        Parameters=[{"ParameterKey": "ImageTag", "ParameterValue": "v1"}],
    )
    second = {"Stacks": [gone, stack("elsewhere", tag), protected]}
    stubber.add_response("describe_stacks", first | {"NextToken": "1"}, {})
    stubber.add_response("describe_stacks", second, {"NextToken": "1"})
    one, two = map(Summary.of, environment_stacks(stubbed))
    assert (one.name, one.owner, one.image, one.protected) == ("aa", "somebody", "v1", True)
    assert (two.name, two.owner, two.image, two.protected) == ("PR-2", "", "", True)
    assert (one.updated, two.updated) == (CREATED + timedelta(days=1), CREATED)


@pytest.fixture
def operations(stubbed):
    return Operations(Environment("pr1", "pr1"), stubbed)


def found(stubber, status, **others):
    stubber.add_response("detect_stack_drift", {"StackDriftDetectionId": "1"})
    answer = {
        "StackId": "s",
        "StackDriftDetectionId": "1",
        "DetectionStatus": status,
        "Timestamp": CREATED,
    }
    stubber.add_response("describe_stack_drift_detection_status", answer | others)


def test_drift_names_each_property(operations, stubber):
    """A deleted resource has no properties."""
    found(stubber, "DETECTION_COMPLETE")
    resource = {
        "StackId": "s",
        "LogicalResourceId": "Vpc",
        "ResourceType": "AWS::EC2::VPC",
        "StackResourceDriftStatus": "MODIFIED",
        "Timestamp": CREATED,
    }
    difference = {
        "PropertyPath": "/CidrBlock",
        "ExpectedValue": "a",
        "ActualValue": "b",
        "DifferenceType": "NOT_EQUAL",
    }
    first = {"StackResourceDrifts": [resource | {"PropertyDifferences": [difference]}]}
    second = {"StackResourceDrifts": [resource | {"StackResourceDriftStatus": "DELETED"}]}
    stubber.add_response("describe_stack_resource_drifts", first | {"NextToken": "1"})
    stubber.add_response("describe_stack_resource_drifts", second)
    subject = type("Stack", (), {"arn": "s"})
    assert detect_drift(operations, subject) == [
        Drift("Vpc", "AWS::EC2::VPC", "/CidrBlock", "not_equal"),
        Drift("Vpc", "AWS::EC2::VPC", "", "deleted"),
    ]


def test_failed_drift_detection_is_an_error(operations, stubber):
    found(stubber, "DETECTION_FAILED")
    with pytest.raises(DeploymentError) as error:
        detect_drift(operations, type("Stack", (), {"arn": "s"}))
    assert error.value.code == "drift-detection-failed"
