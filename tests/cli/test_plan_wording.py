"""The sentences and table rows about plans."""

import pytest

from iot_pipeline_cfn.cli.plan_wording import change_rows, loss_text
from iot_pipeline_cfn.template.changes import (
    Action,
    PropertyChange,
    Replacement,
    ResourceChange,
    UpdateBehavior,
)

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
