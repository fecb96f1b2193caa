"""Events of AWS that a template asks for in its metadata."""

import time

import pytest

from emulated import STACK, create, template


@pytest.fixture
def described(cloudformation):
    """A function that creates a stack and returns its status and the events by logical ID."""

    def described(**asked):
        stack = create(cloudformation, template(Metadata={"Emulator": asked}))
        found = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        by_name = {
            name: [each for each in reversed(found) if each["LogicalResourceId"] == name]
            for name in ("Topic", STACK)
        }
        return stack["StackStatus"], by_name

    return described


def test_every_event_has_the_id_of_its_operation(described):
    _, found = described()
    events = [event for events in found.values() for event in events]
    assert len({event["OperationId"] for event in events}) == 1
    assert not any("DetailedStatus" in event for event in events)


def test_configuration_is_complete_before_the_resource_and_the_stack_are(described):
    _, found = described(ConfigurationComplete=True)
    for events in found.values():
        *_, before, last = events
        assert before["ResourceStatus"] == "CREATE_IN_PROGRESS"
        assert before["DetailedStatus"] == "CONFIGURATION_COMPLETE"
        assert last["ResourceStatus"] == "CREATE_COMPLETE"


def test_hook_refuses_a_resource_with_its_reason(described):
    status, found = described(Hook={"Topic": "not < here"})
    assert status == "ROLLBACK_COMPLETE"
    (refused,) = [event for event in found["Topic"] if "HookType" in event]
    assert refused["HookStatus"] == "HOOK_COMPLETE_FAILED"
    assert refused["HookStatusReason"] == "not < here"
    assert "CREATE_FAILED" in {event["ResourceStatus"] for event in found["Topic"]}


def test_events_are_seen_late(described, cloudformation):
    _, found = described(LateSeconds=1)
    assert found["Topic"] == []
    time.sleep(1)
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    assert "Topic" in {event["LogicalResourceId"] for event in events}
