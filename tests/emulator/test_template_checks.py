"""Template checks of the emulator: dangling references."""

import json
from functools import partial

import pytest
from botocore.exceptions import ClientError

from deploying import topic
from emulated import (
    NOWHERE,
    OPTIONAL,
    STACK,
    SWITCH,
    change_set,
    create,
    outputs,
    settled,
    template,
)

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


def test_deletion_policy_that_the_transform_does_not_know_is_refused(cloudformation):
    policy = {"Fn::If": ["On", "RetainExceptOnCreate", "Delete"]}
    resources = {"Any": topic() | {"DeletionPolicy": policy}}
    body = template(resources, **SWITCH, Transform="AWS::LanguageExtensions")
    with pytest.raises(ClientError, match="Unrecognized DeletionPolicy RetainExceptOnCreate"):
        change_set(cloudformation, body, "CREATE", Capabilities=["CAPABILITY_AUTO_EXPAND"])
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
