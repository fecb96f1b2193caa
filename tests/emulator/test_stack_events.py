"""Stack events of updates in the emulator."""

from deploying import IMPOSSIBLE, topic
from emulated import STACK, change_set, create, events, executed, template


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
