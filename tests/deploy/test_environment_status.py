"""The state of an environment, including what the emulator never answers."""

from threading import Timer

from deploying import (
    IMPOSSIBLE,
    WAITS,
    signal_success,
    small_template,
)
from iot_pipeline_cfn.deploy.environment_status import status
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.operations import Operations

ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "Errors",
        "Namespace": "Test",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    },
}


def status_of(project, *options):
    done = project.run("status", "pr1", "--json", *options)
    return done.document if done.out else done


def test_cause_of_a_failed_update_is_known_until_the_next(project):
    project.deploy("pr1")
    project.write(small_template({"Impossible": IMPOSSIBLE}))
    project.deploy("pr1")
    found = status_of(project)
    assert found["state"] == "UPDATE_ROLLBACK_COMPLETE"
    assert found["cause"]["logical_id"] == "Impossible"
    assert "Impossible" in project.run("status", "pr1").out
    project.write(small_template())
    project.deploy("pr1", "--parameter", "DisplayName=new")
    assert status_of(project)["cause"] is None


def test_failed_creation_is_explained_although_its_stack_is_deleted(project):
    project.write(small_template({"Impossible": IMPOSSIBLE}))
    project.deploy("pr1")
    done = project.run("status", "pr1", "--json")
    assert (done.status, done.code) == (1, "absent")
    assert (done.document["state"], done.document["cause"]["logical_id"]) == (
        "DELETE_COMPLETE",
        "Impossible",
    )
    assert "Impossible" in project.run("events", "pr1", "--operations", "2").out
    # A deletion on request has no cause.
    project.write(small_template())
    project.deploy("pr1")
    project.run("destroy", "pr1", "--yes")
    assert project.run("status", "pr1", "--json").document["cause"] is None


def test_progress_of_a_creation(project, aws, connect_to):
    project.write(template := small_template(WAITS))
    operations = Operations(Environment("pr1", "pr1"), connect_to())
    found = []
    Timer(1, lambda: found.append(status(operations, template))).start()
    Timer(2, signal_success, [aws]).start()
    assert project.deploy("pr1").status == 0
    progress = found[0].as_data()["progress"]
    assert (progress["total"], progress["in_progress"]) == (3, ["Waits"])
    assert progress["completed"] < 3
    assert status_of(project)["progress"] is None


def test_ringing_alarms_are_named(project, aws):
    project.write(small_template({"Errors": ALARM, "Quiet": ALARM}))
    project.deploy("pr1")
    assert status_of(project)["alarms"] == []
    names = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in aws("cloudformation").describe_stack_resources(
            StackName="iot-pipeline-pr1"
        )["StackResources"]
    }
    aws("cloudwatch").set_alarm_state(
        AlarmName=names["Errors"], StateValue="ALARM", StateReason="test"
    )
    assert status_of(project)["alarms"] == ["Errors"]


def test_events_of_earlier_operations(project):
    project.deploy("pr1")
    project.deploy("pr1", "--parameter", "DisplayName=new")

    def beginnings(*options):
        events = project.run("events", "pr1", "--json", *options).documents
        return [each["status"] for each in events if each["status"].endswith("E_IN_PROGRESS")][::2]

    assert beginnings() == ["UPDATE_IN_PROGRESS"]
    assert beginnings("--operations", "2") == ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"]
