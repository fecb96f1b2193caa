"""Exports that other stacks import."""

import json

import pytest

from emulated import settled


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"Value": "other", "Export": {"Name": "any:value"}}, "cannot be updated as it is in use"),
        ({"Value": "first"}, "cannot be deleted as it is in use"),
    ],
)
def test_imported_value_can_neither_be_changed_nor_removed(cloudformation, outputs, problem):
    """A deletion puts the stack back to its status."""
    topic = {"Type": "AWS::SNS::Topic"}
    given = {"Value": "first", "Export": {"Name": "any:value"}}
    name = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"DisplayName": {"Fn::ImportValue": "any:value"}},
    }
    templates = {
        "network": {"Resources": {"Any": topic}, "Outputs": {"Value": given}},
        "user": {"Resources": {"Any": name}},
    }
    for stack, template in templates.items():
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
        assert settled(cloudformation, stack)["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName="network")
    refused = settled(cloudformation, "network")
    assert refused["StackStatus"] == "CREATE_COMPLETE"
    reason = "Export any:value cannot be deleted as it is in use by user"
    assert refused["StackStatusReason"] == reason
    changed = templates["network"] | {"Outputs": {"Value": outputs}}
    cloudformation.update_stack(StackName="network", TemplateBody=json.dumps(changed))
    assert settled(cloudformation, "network")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="network")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any(f"Export any:value {problem} by user" in reason for reason in reasons)
