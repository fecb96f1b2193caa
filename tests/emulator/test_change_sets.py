"""Change sets of the emulator."""

import pytest
from botocore.exceptions import ClientError

from deploying import topic
from emulated import (
    NOWHERE,
    STACK,
    SWITCH,
    change_set,
    create,
    described,
    events,
    executed,
    listed,
    outputs,
    settled,
    template,
)


def test_change_sets_of_a_new_stack_share_the_stack(cloudformation):
    first = change_set(cloudformation, template(), "CREATE")
    second = change_set(cloudformation, template({"Other": topic()}), "CREATE")
    assert first["StackId"] == second["StackId"]
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert (stack["StackId"], stack["StackStatus"]) == (first["StackId"], "REVIEW_IN_PROGRESS")
    assert events(cloudformation) == [(STACK, "REVIEW_IN_PROGRESS")]
    assert {described(cloudformation, each)["StackId"] for each in (first, second)} == {
        first["StackId"]
    }
    for name in (STACK, first["StackId"]):
        assert listed(cloudformation, name) == [first["Id"], second["Id"]]


@pytest.mark.parametrize("number", [0, 1])
def test_executed_change_set_of_a_new_stack_drops_the_other(cloudformation, number):
    made = [
        change_set(cloudformation, template(), "CREATE", Tags=[{"Key": "Number", "Value": "0"}]),
        change_set(cloudformation, template({"Other": topic()}), "CREATE"),
    ]
    stack = executed(cloudformation, made[number])
    assert (stack["StackId"], stack["StackStatus"]) == (made[0]["StackId"], "CREATE_COMPLETE")
    assert [each["Value"] for each in stack["Tags"]] == ["0"][number:]
    names = {name for name, _ in events(cloudformation)}
    assert names == {STACK, "Topic"} | ({"Other"} if number else set())
    assert listed(cloudformation, STACK) == [made[number]["Id"]]


def test_refused_change_set_leaves_a_new_stack(cloudformation):
    first = change_set(cloudformation, template(), "CREATE")
    with pytest.raises(ClientError, match="Nowhere"):
        change_set(cloudformation, template(outputs={"Any": NOWHERE}), "CREATE")
    assert listed(cloudformation, STACK) == [first["Id"]]
    assert executed(cloudformation, first)["StackId"] == first["StackId"]


def test_change_sets_are_deleted_with_their_stack_under_review(cloudformation):
    made = [change_set(cloudformation, template(), "CREATE") for _ in range(2)]
    cloudformation.delete_stack(StackName=STACK)
    after = change_set(cloudformation, template(), "CREATE")
    assert after["StackId"] != made[0]["StackId"]
    assert listed(cloudformation, STACK) == [after["Id"]]


def test_change_set_is_found_by_its_name_and_the_arn_of_its_stack(cloudformation):
    made = change_set(cloudformation, template(), "CREATE")
    name = {
        "ChangeSetName": described(cloudformation, made)["ChangeSetName"],
        "StackName": made["StackId"],
    }
    assert cloudformation.describe_change_set(**name)["ChangeSetId"] == made["Id"]
    cloudformation.execute_change_set(**name)
    assert settled(cloudformation)["StackStatus"] == "CREATE_COMPLETE"


ONE = {"One": {"Ref": "Topic"}}
BY_PARAMETER = {"By": {"Ref": "Switch"}}
OF_OUTPUTS = {
    "added": (template(), template(outputs=ONE)),
    "removed": (template(outputs=ONE), template()),
    "changed": (template(outputs=ONE), template(outputs={"One": "other"})),
    "by a parameter": (
        template(outputs=BY_PARAMETER, Parameters=SWITCH["Parameters"]),
        template(
            outputs=BY_PARAMETER, Parameters={"Switch": {"Type": "String", "Default": "other"}}
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), OF_OUTPUTS.values(), ids=OF_OUTPUTS)
def test_change_of_outputs_alone_is_executable(cloudformation, before, after):
    old = create(cloudformation, before)
    made = change_set(cloudformation, after)
    found = described(cloudformation, made)
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert found["Changes"] == []
    assert not found.get("StatusReason")
    seen = len(events(cloudformation))
    stack = executed(cloudformation, made)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(stack).keys() == after["Outputs"].keys()
    assert outputs(stack) != outputs(old)
    assert events(cloudformation)[seen:] == [
        (STACK, "UPDATE_IN_PROGRESS"),
        (STACK, "UPDATE_COMPLETE"),
    ]


@pytest.mark.parametrize("output", [ONE, {}, BY_PARAMETER])
def test_change_set_without_changes_fails(cloudformation, output):
    body = template(outputs=output, Parameters=SWITCH["Parameters"])
    create(cloudformation, body)
    found = described(cloudformation, change_set(cloudformation, body))
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in found["StatusReason"]


def test_unresolvable_output_rolls_the_update_back(cloudformation):
    create(cloudformation, template(outputs=ONE))
    body = template(outputs={"One": {"Fn::GetAtt": ["Topic", "NoSuchThing"]}})
    stack = executed(cloudformation, change_set(cloudformation, body))
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(stack).keys() == {"One"}
