"""The number of running tasks, which an update keeps."""

import json

import pytest

from checkout import ROOT
from deploying import BUCKET, parameters_of, record_image, stack_of
from emulated import outputs
from iot_pipeline_cfn.deploy.task_count import without_count

LIMITS = {"Parameters": {"DesiredCount": "2", "MaximumCount": "5", "Durability": "ephemeral"}}


@pytest.fixture
def service(project, aws):
    """An environment with an image: a function that sets and returns its number of tasks."""
    project.write((ROOT / "templates/iot-pipeline.json").read_text(), pr=LIMITS)
    assert project.deploy("pr1").status == 0
    record_image(aws, "pr1", "v1")
    assert project.deploy("pr1", "--image-tag", "v1").status == 0
    found, ecs = outputs(stack_of(aws)), aws("ecs")
    names = {"cluster": found["ClusterName"]}

    def count(number=None):
        if number is not None:
            ecs.update_service(**names, service=found["ServiceName"], desiredCount=number)
        (service,) = ecs.describe_services(**names, services=[found["ServiceName"]])["services"]
        return service["desiredCount"]

    return count


def test_update_keeps_the_tasks_that_auto_scaling_has_started(project, aws, service):
    """It starts at most the maximum, at least the minimum, and none without an image."""
    assert (service(), parameters_of(aws)["CurrentCount"]) == (2, "")
    for size, (running, sent, after) in {
        "512/1024": (4, "4", 4),
        "1024/2048": (9, "5", 5),
        "256/512": (1, "", 2),
    }.items():
        service(running)
        done = project.deploy("pr1", "--json", "--parameter", f"TaskSize={size}")
        assert done.status == 0, done.err
        assert json.loads(done.out.splitlines()[0])["parameters"]["CurrentCount"] == sent
        assert (service(), parameters_of(aws)["CurrentCount"]) == (after, sent)
    service(4)
    assert "nothing to change" in project.deploy("pr1").out
    assert service() == 4
    assert project.deploy("pr1", "--image-tag", "").status == 0
    assert (service(), parameters_of(aws)["CurrentCount"]) == (0, "")


def test_review_holds_although_the_number_of_tasks_changes(project, aws, service):
    review = str(project.directory / "review.json")
    options = ("--parameter", "ThrottleRate=7")
    for planned, deployed in ((4, 3), (2, 3), (4, 2)):
        service(planned)
        shown = project.run("plan", "pr1", *BUCKET, *options, "--save", review)
        assert ("the service keeps its 4 tasks" in shown.out) is (planned == 4)
        service(deployed)
        assert project.deploy("pr1", *options, "--reviewed", review).status == 0
        assert service() == deployed
        options = ("--parameter", f"ThrottleRate={planned + deployed}")


def test_unreadable_number_of_tasks_is_reported(project, aws, service):
    """The update goes on with the previous number, and then tells that there is no service."""
    cluster = outputs(stack_of(aws))["ClusterName"]
    (arn,) = aws("ecs").list_services(cluster=cluster)["serviceArns"]
    aws("ecs").delete_service(cluster=cluster, service=arn, force=True)
    aws("ecs").delete_cluster(cluster=cluster)
    done = project.deploy("pr1", "--parameter", "ThrottleRate=7")
    assert (done.status, done.code) == (11, "not-working")
    assert "cannot read how many run" in done.err
    assert parameters_of(aws)["CurrentCount"] == ""


@pytest.mark.parametrize(
    ("properties", "kept"),
    [
        ({"Service": ["DesiredCount"]}, {}),
        ({"Service": ["DesiredCount"], "Target": ["Id Service.Name"], "Policy": ["Id Target"]}, {}),
        (
            {"Service": ["DesiredCount", "TaskDefinition"], "Target": ["Id Service.Name"]},
            {"Service": ["TaskDefinition"], "Target": ["Id"]},
        ),
        (
            {"Service": ["DesiredCount"], "Alarm": ["Id Service.Name", "Period"]},
            {"Alarm": ["Period"]},
        ),
        ({"Service": [], "Alarm": ["Period"]}, {"Service": [], "Alarm": ["Period"]}),
    ],
)
def test_changes_that_follow_from_the_number_of_tasks_are_left_out(properties, kept):
    changes = [
        {
            "logical_id": name,
            "resource_type": "AWS::ECS::Service" if name == "Service" else "AWS::Any::Type",
            "properties": [
                dict(zip(("path", "because_of"), [*part.split(), ""], strict=False))
                for part in parts
            ],
        }
        for name, parts in properties.items()
    ]
    plan = {"parameters": {"CurrentCount": "3", "ImageTag": "v1"}, "changes": changes}
    found = without_count(plan)
    assert found["parameters"] == {"ImageTag": "v1"}
    assert {
        change["logical_id"]: [part["path"] for part in change["properties"]]
        for change in found["changes"]
    } == kept
