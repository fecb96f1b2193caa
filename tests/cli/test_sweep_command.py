"""Sweeping environments and what they have left behind."""

import pytest

from deploying import HELD, WAITS, names_of_stacks, signal_success, small_template
from iot_pipeline_cfn.cli.sweep_command import pull_request_numbers
from iot_pipeline_cfn.deploy import sweeping


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(sweeping, "START_SECONDS", 0)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [(None, None), ("12", {12}), ("12, 15\n#16", {12, 15, 16}), ("none", set())],
)
def test_pull_requests_are_numbers_or_not_known(text, numbers):
    assert pull_request_numbers(text) == numbers


@pytest.mark.parametrize("option", ["--open-pull-requests=", "--open-pull-requests=12,x"])
def test_empty_list_is_refused(project, option):
    """A program that fails may have printed nothing."""
    assert project.run("sweep", option).status == 2
    assert project.run("sweep", "--open-pull-requests", "-").status == 2


def test_unneeded_environments_are_shown_and_deleted_with_consent(project, aws):
    protected = {"Parameters": {"Durability": "protected"}, "TimeToLive": "1m"}
    project.write(small_template(), pr={"TimeToLive": "3d"}, prod=protected)
    for name in ("pr1", "pr2", "PR-3", "prod"):
        project.deploy(name)
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-pr4",
        TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}',
    )
    aws("logs").create_log_group(logGroupName="/ecs/iot-pipeline-pr9")
    assert project.run("sweep", "--yes").status == 0
    shown = project.run("sweep", "--open-pull-requests", "2", "--json").document
    verdicts = {each["name"]: each["verdict"] for each in shown["environments"]}
    assert verdicts == {
        "pr1": "pull-request-closed",
        "pr2": "pull-request-open",
        "PR-3": "pull-request-closed",
        "prod": "protected",
    }
    assert [each["id"] for each in shown["leftovers"]] == ["/ecs/iot-pipeline-pr9"]
    done = project.run("sweep", "--open-pull-requests", "2", "--yes", "--leftovers", "--json")
    assert done.status == 0, done.err
    deleted = [each["name"] for each in done.document["environments"] if each["is_deleted"]]
    assert deleted == ["pr1", "PR-3"]
    assert [each["is_removed"] for each in done.document["leftovers"]] == [True]
    kept = {"iot-pipeline-pr2", "iot-pipeline-pr4", "iot-pipeline-prod"}
    assert {*names_of_stacks(aws)} == kept


def test_what_cannot_be_deleted_is_explained_and_the_rest_goes_on(project, aws):
    """An operation of somebody else is not disturbed."""
    project.write(small_template(), pr={"TimeToLive": "1m"})
    project.deploy("pr3")
    project.write(small_template({"Database": HELD}), pr={"TimeToLive": "1m"})
    project.deploy("pr1")
    project.write(small_template(WAITS), pr={"TimeToLive": "1m"})
    project.deploy("pr2", "--timeout", "0.3")
    done = project.run("sweep", "--open-pull-requests", "none", "--yes")
    assert (done.status, done.code) == (5, "not-swept")
    assert done.details["environments"] == ["iot-pipeline-pr1"]
    assert "Cannot delete protected DB Instance" in done.err
    assert "destroy pr1" in done.err
    assert {*names_of_stacks(aws)} == {"iot-pipeline-pr1", "iot-pipeline-pr2"}
    signal_success(aws, "pr2")


def test_only_environments_of_pull_requests_can_be_considered(project):
    project.write(small_template(), feature={"TimeToLive": "1m"})
    project.deploy("feature-x")
    project.deploy("pr1")
    found = project.run("sweep", "--pull-requests-only", "--json").document["environments"]
    assert [each["name"] for each in found] == ["pr1"]
