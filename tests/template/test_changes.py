"""What follows from a change of a resource."""

import pytest

from iot_pipeline_cfn.template.changes import (
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)

QUIET = PropertyChange("Tags[Owner]")
RESTART = PropertyChange("Engine.Version", UpdateBehavior.SOME_INTERRUPTION, because_of="Version")
MAYBE = PropertyChange("Port", UpdateBehavior.MAYBE_REPLACEMENT)
REPLACED = PropertyChange("Subnets[0]", UpdateBehavior.REPLACEMENT, because_of="Subnet")


def change(*properties, action=Action.MODIFY, replacement=Replacement.NO):
    return ResourceChange(action, "A", "AWS::RDS::DBInstance", replacement, properties)


@pytest.mark.parametrize(
    ("action", "replacement", "creates", "may_delete"),
    [
        (Action.ADD, Replacement.NO, True, False),
        (Action.MODIFY, Replacement.NO, False, False),
        (Action.MODIFY, Replacement.MAYBE, False, True),
        (Action.MODIFY, Replacement.YES, True, True),
        (Action.REMOVE, Replacement.NO, False, True),
        (Action.DYNAMIC, Replacement.NO, False, True),
        (Action.UNKNOWN, Replacement.NO, False, True),
        (Action.IMPORT, Replacement.NO, False, False),
    ],
)
def test_unknown_action_may_delete_and_creates_nothing_for_certain(
    action, replacement, creates, may_delete
):
    found = change(action=action, replacement=replacement)
    assert (found.creates, found.may_delete) == (creates, may_delete)


@pytest.mark.parametrize(
    ("properties", "behavior", "deciding", "replacing"),
    [
        ((), UpdateBehavior.NO_INTERRUPTION, (), ()),
        ((QUIET, RESTART), UpdateBehavior.SOME_INTERRUPTION, (RESTART,), ()),
        ((MAYBE, RESTART), UpdateBehavior.MAYBE_REPLACEMENT, (MAYBE,), (MAYBE,)),
        ((MAYBE, REPLACED), UpdateBehavior.REPLACEMENT, (REPLACED,), (MAYBE, REPLACED)),
    ],
)
def test_property_that_does_the_most_decides(properties, behavior, deciding, replacing):
    found = change(*properties)
    assert found.behavior is behavior
    assert (found.deciding_properties, found.replacing_properties) == (deciding, replacing)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [((), False), ((RESTART, REPLACED), True), ((RESTART, QUIET), False)],
)
def test_change_is_a_consequence_if_all_its_properties_are(properties, expected):
    assert change(*properties).is_consequence is expected


@pytest.mark.parametrize(("part", "name"), [(QUIET, "Tags"), (RESTART, "Engine"), (MAYBE, "Port")])
def test_name_is_the_top_level_property(part, name):
    assert part.name == name
