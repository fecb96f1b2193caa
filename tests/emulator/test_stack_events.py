"""Change sets, template checks and stack events of the emulator, whatever the resources."""

import json
import time
from functools import partial

import pytest
from botocore.exceptions import ClientError

from deploying import IMPOSSIBLE, topic

STACK = "any"


@pytest.fixture
def cloudformation(aws):
    return aws("cloudformation")


def template(resources=None, outputs=None, **sections):
    """Return a template with a topic and other parts."""
    return {
        "Resources": {"Topic": topic()} | (resources or {}),
        "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
        **sections,
    }


def change_set(cloudformation, body, kind="UPDATE", **options):
    """Create a change set and return the answer."""
    return cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName=f"any-{time.monotonic_ns()}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(body),
        **options,
    )


def described(cloudformation, made):
    return cloudformation.describe_change_set(ChangeSetName=made["Id"])


def listed(cloudformation, stack):
    """Return the IDs of a stack's change sets."""
    summaries = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    return [each["ChangeSetId"] for each in summaries]


def executed(cloudformation, made):
    """Execute a change set and return the settled stack."""
    cloudformation.execute_change_set(ChangeSetName=made["Id"])
    return settled(cloudformation)


def settled(cloudformation):
    while True:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        time.sleep(0.02)


def create(cloudformation, body, **options):
    """Create the stack and return it once it has settled."""
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body), **options)
    return settled(cloudformation)


def outputs(stack):
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def events(cloudformation):
    """Return the logical IDs and statuses of all events, oldest first."""
    found = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(found)]


def parameters(**values):
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


NOWHERE = {"Ref": "Nowhere"}
SWITCH = {
    "Parameters": {"Switch": {"Type": "String", "Default": "off"}},
    "Conditions": {"On": {"Fn::Equals": [{"Ref": "Switch"}, "on"]}},
}
OPTIONAL = {"Optional": topic() | {"Condition": "On"}}
IN_RESOURCES = "Unresolved resource dependencies [Nowhere] in the Resources block of the template"
IN_OUTPUTS = "Unresolved resource dependencies [{}] in the Outputs block of the template"
IN_CONDITIONS = (
    "Unresolved dependencies [Topic]. Cannot reference resources in the Conditions block of the "
    "template"
)
DANGLING = {
    "Ref": (template({"Any": topic(DisplayName=NOWHERE)}), IN_RESOURCES),
    "GetAtt": (
        template({"Any": topic(DisplayName={"Fn::GetAtt": ["Nowhere", "Arn"]})}),
        IN_RESOURCES,
    ),
    "Sub": (template({"Any": topic(DisplayName={"Fn::Sub": "a ${Nowhere.Arn}"})}), IN_RESOURCES),
    "DependsOn": (template({"Any": topic() | {"DependsOn": ["Topic", "Nowhere"]}}), IN_RESOURCES),
    "metadata": (template({"Any": topic() | {"Metadata": {"Any": NOWHERE}}}), IN_RESOURCES),
    "branch that is not taken": (
        template(
            {"Any": topic(DisplayName={"Fn::If": ["On", NOWHERE, "off"]})},
            **SWITCH,
        ),
        IN_RESOURCES,
    ),
    "resource that is left out": (
        template({"Any": topic(DisplayName=NOWHERE) | {"Condition": "On"}}, **SWITCH),
        IN_RESOURCES,
    ),
    "output": (
        template(outputs={"Any": NOWHERE, "Other": {"Fn::Sub": "${Neither}"}}),
        IN_OUTPUTS.format("Neither, Nowhere"),
    ),
    "output of what is left out": (
        template(OPTIONAL, {"Any": {"Ref": "Optional"}}, **SWITCH),
        IN_OUTPUTS.format("Optional"),
    ),
    "condition": (
        template(Conditions={"Any": {"Fn::Equals": [{"Ref": "Topic"}, "any"]}}),
        IN_CONDITIONS,
    ),
}


@pytest.mark.parametrize(("body", "message"), DANGLING.values(), ids=DANGLING)
@pytest.mark.parametrize("ask", [create, partial(change_set, kind="CREATE")])
def test_dangling_reference_is_refused_with_the_message_of_aws(cloudformation, ask, body, message):
    with pytest.raises(ClientError) as error:
        ask(cloudformation, body)
    assert error.value.response["Error"]["Code"] == "ValidationError"
    assert error.value.response["Error"]["Message"] == f"Template format error: {message}"
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_update_with_a_dangling_reference_leaves_the_stack(cloudformation):
    before = create(cloudformation, template())
    with pytest.raises(ClientError, match="Nowhere"):
        cloudformation.update_stack(
            StackName=STACK, TemplateBody=json.dumps(template(outputs={"Any": NOWHERE}))
        )
    assert settled(cloudformation) == before


def test_resolvable_references_are_accepted(cloudformation):
    body = template(
        OPTIONAL | {"Any": topic() | {"DependsOn": "Optional"}},
        {
            "Variable": {"Fn::Sub": ["${Any} of ${Own}", {"Own": {"Ref": "Switch"}}]},
            "Literal": {"Fn::Sub": "${!Nowhere} in ${AWS::Region}"},
            "Pseudo": {"Ref": "AWS::StackName"},
            "Branch": {"Fn::If": ["On", {"Ref": "Optional"}, "none"]},
        },
        **SWITCH,
    )
    stack = create(cloudformation, body)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(stack)["Variable"].endswith(" of off")
    assert outputs(stack)["Literal"].startswith("${Nowhere} in ")
    assert outputs(stack)["Pseudo"] == STACK
    assert outputs(stack)["Branch"] == "none"


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


def events_of_update(cloudformation, body):
    """Update the stack and return the events of its resources."""
    seen = len(events(cloudformation))
    executed(cloudformation, change_set(cloudformation, body))
    return [each for each in events(cloudformation)[seen:] if each[0] != STACK]


def test_update_has_events_of_changed_and_created_resources_only(cloudformation):
    create(cloudformation, template({"Other": topic(DisplayName="first")}))
    body = template({"Other": topic(DisplayName="second"), "Third": topic()})
    found = events_of_update(cloudformation, body)
    assert found[:2] == [("Other", "UPDATE_IN_PROGRESS"), ("Other", "UPDATE_COMPLETE")]
    assert [name for name, _ in found[2:]] == ["Third", "Third"]


def test_change_of_stack_tags_has_events(cloudformation):
    create(cloudformation, template(), Tags=[{"Key": "Owner", "Value": "somebody"}])
    made = change_set(cloudformation, template(), Tags=[{"Key": "Owner", "Value": "else"}])
    executed(cloudformation, made)
    assert events(cloudformation).count(("Topic", "UPDATE_COMPLETE")) == 1


def test_failed_update_has_events_of_the_failed_resource(cloudformation):
    create(cloudformation, template())
    (_, begun), (name, failed) = events_of_update(cloudformation, template({"Unable": IMPOSSIBLE}))
    assert name == "Unable"
    assert begun.endswith("IN_PROGRESS")
    assert failed.endswith("FAILED")


def test_replacement_has_events_from_start_to_end(cloudformation):
    create(cloudformation, template({"Other": topic(TopicName="first")}))
    found = events_of_update(cloudformation, template({"Other": topic(TopicName="second")}))
    assert found[-1] == ("Other", "UPDATE_COMPLETE")
    assert set(found[:-1]) == {("Other", "UPDATE_IN_PROGRESS")}
