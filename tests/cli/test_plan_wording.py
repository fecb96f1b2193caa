"""The sentences and table rows about plans."""

from types import SimpleNamespace

import pytest

from iot_pipeline_cfn.cli.forecast import Forecast
from iot_pipeline_cfn.cli.plan_wording import change_rows, duration, loss_text, plan_lines
from iot_pipeline_cfn.template.changes import (
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)
from preflights import NOWHERE, added, context_of

TOPIC, DATABASE = "AWS::SNS::Topic", "AWS::RDS::DBInstance"
CHANGES = [
    ResourceChange(Action.ADD, "New", TOPIC),
    ResourceChange(
        Action.MODIFY,
        "Changed",
        TOPIC,
        properties=(
            PropertyChange("DisplayName", before="a", after="b"),
            PropertyChange("Tags", before="x" * 40, after="y"),
            PropertyChange("TopicName", because_of="Other"),
        ),
    ),
    ResourceChange(Action.MODIFY, "Perhaps", TOPIC, Replacement.MAYBE),
    ResourceChange(
        Action.MODIFY,
        "Replaced",
        TOPIC,
        Replacement.YES,
        (
            PropertyChange("Tags", before="a", after="b"),
            PropertyChange("TopicName", UpdateBehavior.REPLACEMENT, "a", "b"),
        ),
    ),
    ResourceChange(Action.UNKNOWN, "Unknown", TOPIC),
    ResourceChange(Action.REMOVE, "Gone", TOPIC),
    ResourceChange(Action.MODIFY, "Database", DATABASE, Replacement.YES, policy_action="Delete"),
]


def test_changes_are_listed_the_most_severe_first():
    rows = change_rows(CHANGES, is_narrow=True, verbose=False)
    assert rows == [
        ("! Replace", "Database", "", ""),
        ("Remove", "Gone", "", ""),
        ("May remove", "Unknown", "", ""),
        ("Replace", "Replaced", "", "TopicName: a -> b"),
        ("May replace", "Perhaps", "", ""),
        ("Update", "Changed", "", "DisplayName: a -> b, Tags, TopicName (Other)"),
        ("Add", "New", "", ""),
    ]


def test_verbose_rows_have_everything():
    (row,) = change_rows([CHANGES[3]], is_narrow=True, verbose=True)
    assert row == ("Replace", "Replaced", "SNS Topic", "Tags: a -> b\nTopicName: a -> b")


@pytest.mark.parametrize(
    ("action", "replacement", "expected"),
    [
        (Action.REMOVE, Replacement.NO, "is removed; "),
        (Action.MODIFY, Replacement.YES, "is replaced; "),
        (Action.MODIFY, Replacement.MAYBE, "may be replaced; "),
        (Action.DYNAMIC, Replacement.NO, "may be removed or replaced; "),
        (Action.UNKNOWN, Replacement.NO, "may be removed or replaced; "),
    ],
)
def test_loss_is_stated_only_as_certain_as_it_is(action, replacement, expected):
    change = ResourceChange(action, "Database", "AWS::RDS::DBInstance", replacement)
    assert loss_text(change).startswith(expected)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (680, "11 min 20 s"), (3_661, "1 h 1 min")],
)
def test_duration_is_shown_in_two_units(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize("express", [False, True])
def test_creation_has_a_price_and_unless_it_is_express_a_time(express):
    changes = added("Database", "Vpc")
    plan = SimpleNamespace(
        stack=SimpleNamespace(name="iot-pipeline-pr1", region="us-east-1"),
        settings=(),
        removed_tags=(),
        drift=None,
        empty=False,
        creates=True,
        changes=changes,
        content=SimpleNamespace(parameters={}, express=express),
        context=context_of(NOWHERE, changes, Durability="ephemeral"),
    )
    price, *time = plan_lines(plan, Forecast(plan))
    assert price.startswith("2 new resources, which cost about $")
    usual = "this usually takes about 11 min, of which Database 9 min"
    assert time == ([] if express else [usual])
