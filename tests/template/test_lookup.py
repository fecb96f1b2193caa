"""Reading values that may be intrinsic functions."""

import pytest

from iot_pipeline_cfn.template.lookup import (
    number,
    of_type,
    possible_values,
    short_text_of,
    text_of,
    values_at,
)


@pytest.mark.parametrize("malformed", [None, [], "Vpc", {"Type": {"Ref": "A"}}, {"Type": []}])
def test_malformed_resources_have_no_type_and_no_properties(malformed):
    bare = {"Type": "AWS::EC2::VPC", "Properties": []}
    resources = {"Malformed": malformed, "Bare": bare, "Topic": {"Type": "AWS::SNS::Topic"}}
    assert of_type(resources, "AWS::EC2::VPC") == {"Bare": {}}


@pytest.mark.parametrize(
    ("value", "found"),
    [(2, 2), ("2.5", 2.5), (None, 7), ({"Ref": "A"}, 7), ("many", 7), ("nan", 7), ("inf", 7)],
)
def test_number_that_cannot_be_read_is_the_default(value, found):
    assert number(value, default=7) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ({"Ref": "AWS::NoValue"}, []),
        (["a", ["b", None]], ["a", "b"]),
        ({"Fn::If": ["C", "a", {"Fn::If": ["D", {"Ref": "AWS::NoValue"}, ["b"]]}]}, ["a", "b"]),
        ({"Fn::If": "malformed"}, [{"Fn::If": "malformed"}]),
    ],
)
def test_both_branches_and_all_items_are_possible_values(value, found):
    assert list(possible_values(value)) == found


def test_path_continues_in_lists_and_branches():
    block = {"Fn::If": ["C", [{"B": ["x"]}, {"B": {"Ref": "Y"}}], {"B": "z"}]}
    assert values_at({"A": block}, "A.B") == ["x", {"Ref": "Y"}, "z"]
    assert values_at({"A": "scalar"}, "A.B") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("a", "a"),
        (3, "3"),
        ({"Ref": "A"}, "${A}"),
        ({"Fn::GetAtt": "A.Arn"}, "${A.Arn}"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "${A.Arn}"),
        ({"Fn::Sub": "x-${A}"}, "x-${A}"),
        ({"Fn::Sub": ["${Own}-${A}", {"Own": {"Ref": "B"}}]}, "${B}-${A}"),
        ({"Fn::Join": ["/", ["a", {"Ref": "B"}]]}, "a/${B}"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Net}-Group"}}, "ImportValue(${Net}-Group)"),
        ({"Fn::FindInMap": ["A", {"Ref": "B"}, "c"]}, "FindInMap(A, ${B}, c)"),
        ({"Fn::Select": [0, []]}, '{"Fn::Select": [0, []]}'),
    ],
)
def test_every_way_to_write_a_reference_is_the_same_text(value, text):
    assert text_of(value) == text


def test_short_text_of_a_reference_is_its_target():
    assert short_text_of({"Fn::GetAtt": ["A", "Arn"]}) == "A.Arn"
    assert short_text_of({"Fn::Sub": "${A}-${B}"}) == "${A}-${B}"
