"""The execution of plans on the local AWS emulator: its results, and what failures leave."""

import json

from deploying import (
    IMPOSSIBLE,
    RETAINED_THEN_FAILED,
    names_of_stacks,
    small_template,
    stack_of,
)

POLICY = {
    "Statement": [{"Effect": "Allow", "Action": ["Update:*"], "Principal": "*", "Resource": "*"}]
}


def test_failed_creation_of_an_ephemeral_environment_is_deleted(project, aws):
    project.write(small_template({"Impossible": IMPOSSIBLE | {"DependsOn": "Topic"}}))
    done = project.deploy("pr1")
    assert (done.status, done.code) == (4, "deployment-failed")
    assert names_of_stacks(aws) == []
    assert aws("sns").list_topics()["Topics"] == []
    assert done.details["status"] == "DELETE_COMPLETE"
    assert done.details["cause"]["logical_id"] == "Impossible"


def test_failed_creation_of_a_protected_environment_is_removed_by_the_next_deployment(project, aws):
    """The rollback leaves no resources, not even those that a deletion retains."""
    kept = {"Parameters": {"Durability": "protected"}}
    project.write(small_template(RETAINED_THEN_FAILED), pr=kept)
    assert project.deploy("pr1").status == 4
    assert stack_of(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("sns").list_topics()["Topics"] == []
    planned = project.run("plan", "pr1")
    assert (planned.status, planned.code) == (1, "creation-failed")
    project.write(small_template(), pr=kept)
    done = project.deploy("pr1")
    assert done.status == 0, done.err
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_failed_update_rolls_back(project, aws):
    project.deploy("pr1")
    before = project.run("outputs", "pr1").out
    project.write(small_template(RETAINED_THEN_FAILED))
    done = project.deploy("pr1")
    assert done.status == 4
    assert len(aws("sns").list_topics()["Topics"]) == 1
    assert done.details["status"] == "UPDATE_ROLLBACK_COMPLETE"
    assert done.details["cause"]["logical_id"] == "Impossible"
    assert stack_of(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert project.run("outputs", "pr1").out == before
    project.write(small_template())
    assert project.deploy("pr1").status == 0


def test_outputs_alone_can_change(project, aws):
    """Such a change set has no resource changes."""
    project.deploy("pr1")
    project.write(small_template(outputs={"More": {"Value": "more", "Description": "More."}}))
    planned = project.plan("pr1")
    assert (planned["changes"], planned["empty"]) == ([], False)
    done = project.deploy("pr1", "--json")
    assert done.documents[-1]["outputs"]["More"] == "more"
    assert stack_of(aws)["StackStatus"] == "UPDATE_COMPLETE"


def test_stack_settings_are_planned_and_applied(project, aws):
    """No change set carries the stack policy and the termination protection."""
    project.deploy("pr1")
    project.write(small_template(), pr={"StackPolicy": POLICY})
    for _ in range(2):
        planned = project.plan("pr1")
        assert (planned["empty"], planned["settings"]) == (True, ["stack-policy"])
    assert project.deploy("pr1").status == 0
    found = aws("cloudformation").get_stack_policy(StackName="iot-pipeline-pr1")
    assert json.loads(found["StackPolicyBody"]) == POLICY
    assert project.plan("pr1")["settings"] == []
