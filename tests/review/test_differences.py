"""Differences between two values, also within the branches of `Fn::If`."""

import pytest

from iot_pipeline_cfn.review.differences import alternatives, differences, format_path

NOTHING = {"Ref": "AWS::NoValue"}


def either(yes, no, name="Is"):
    return {"Fn::If": [name, yes, no]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a", "b", {("a", "b")}),
        (either("a", "b"), either("a", "c"), {("a", "a"), ("b", "c")}),
        (either("a", "b"), "a", {("a", "a"), ("b", "a")}),
        (None, either("a", NOTHING), {(None, "a"), (None, None)}),
        (
            either("a", "b"),
            either("c", "d", "Other"),
            {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")},
        ),
    ],
)
def test_branches_of_the_same_condition_belong_together(before, after, expected):
    assert {*alternatives(before, after)} == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (either({"a": 1, "b": 2}, NOTHING), either({"a": 1, "b": 3}, NOTHING), {"b": (2, 3)}),
        ({"a": either(1, 2)}, {"a": either(1, 3)}, {"a": (either(1, 2), either(1, 3))}),
        ({"a": either(1, 1)}, {"a": 1}, {}),
        ({"a": 1}, {"a": "1"}, {}),
        ({"a": True}, {"a": "true"}, {}),
        ({"a": None}, {}, {}),
        ({"a": '{"b": 1}'}, {"a": '{ "b":2 }'}, {"a.b": (1, 2)}),
    ],
)
def test_difference_is_at_the_innermost_place(before, after, expected):
    found = {format_path(one.path): (one.before, one.after) for one in differences(before, after)}
    assert found == expected
