"""The sentences about the state of an environment."""

from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.cli.status_wording import status_facts
from iot_pipeline_cfn.deploy.drift import Drift
from iot_pipeline_cfn.deploy.environment_status import EnvironmentStatus, Tasks
from iot_pipeline_cfn.deploy.events import Event
from iot_pipeline_cfn.deploy.inventory import Summary
from iot_pipeline_cfn.deploy.operation_progress import OperationProgress

NOW = datetime.now(UTC)
SUMMARY = Summary(
    name="pr1",
    stack="iot-pipeline-pr1",
    region="us-east-1",
    state="CREATE_COMPLETE",
    created=NOW - timedelta(hours=3),
    updated=NOW - timedelta(hours=1),
    expires=NOW + timedelta(hours=50),
    owner="somebody",
    created_by="",
    commit="",
    pull_request=None,
    image="v1",
    protected=False,
)


def event(name, status="CREATE_FAILED", reason=""):
    time = datetime.now(UTC) - timedelta(seconds=75)
    return Event("1", time, name, name, "AWS::SNS::Topic", status, reason, "", of_stack=False)


def facts_of(state="CREATE_COMPLETE", **others):
    found = {"reason": "", "in_step_with_template": True} | others
    return status_facts(EnvironmentStatus(Summary(**vars(SUMMARY) | {"state": state}), **found))


def test_facts_of_a_working_environment():
    assert facts_of(tasks=Tasks(1, 2), alarms=[]) == {
        "name": "pr1",
        "stack": "iot-pipeline-pr1, us-east-1",
        "state": "CREATE_COMPLETE",
        "tasks": "1 of 2 run",
        "alarms": "none in alarm",
        "image": "v1",
        "age": "3 h",
        "time left": "2 d",
        "owner": "somebody",
        "protected": "no",
        "template": "the committed one",
    }


@pytest.mark.parametrize(
    ("label", "others", "expected"),
    [
        ("age", {"state": "UPDATE_COMPLETE"}, "3 h, updated 1 h ago"),
        ("state", {"state": "DELETE_COMPLETE"}, "DELETE_COMPLETE: deleted"),
        ("reason", {"reason": "by the user"}, "by the user"),
        ("alarms", {"alarms": ["A", "B"]}, "A, B"),
        ("template", {"in_step_with_template": False}, "not the committed one"),
        ("cause", {"cause": event("T", reason="no")}, "T (AWS::SNS::Topic): no"),
        ("cause", {"cause": event("T")}, "T (AWS::SNS::Topic): CREATE_FAILED"),
        ("progress", {"progress": OperationProgress()}, "0 resources"),
        (
            "drift",
            {
                "drift": [
                    Drift("Token", "AWS::SecretsManager::Secret", "", "deleted"),
                    Drift("Topic", "AWS::SNS::Topic", "DisplayName", "changed"),
                ]
            },
            "Token (AWS::SecretsManager::Secret): deleted\n"
            "Topic (AWS::SNS::Topic): DisplayName changed",
        ),
        ("drift", {"drift": []}, "none"),
    ],
)
def test_fact_is_said(label, others, expected):
    assert facts_of(**others)[label] == expected


def test_progress_names_what_is_waited_for():
    progress = OperationProgress("ABC", {"B": event("B")}, {"A"}, event("A").time)
    assert facts_of(progress=progress)["progress"] == (
        "1 of 3 resources in 1 min 15 s; now B (1 min 15 s)"
    )


def test_cause_takes_the_place_of_the_reason_and_a_deleted_environment_has_no_image():
    facts = facts_of("DELETE_COMPLETE", cause=event("T"), reason="Rollback requested")
    assert facts.keys() == {"name", "stack", "state", "cause"}
    assert facts["state"] == "DELETE_COMPLETE: its creation failed"
