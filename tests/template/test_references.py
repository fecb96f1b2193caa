"""References within rendered templates."""

import pytest

from iot_pipeline_cfn.template.references import (
    Namespace,
    Reference,
    dependencies,
    find_references,
    reachable,
    references,
    rename_references,
    waits_for,
    walk,
)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("${Text}", []),
        ({"Ref": "A"}, [Reference("A")]),
        ({"Fn::GetAtt": ["A", "Arn"]}, [Reference("A", "Arn")]),
        ({"Fn::GetAtt": "A.Endpoint.Port"}, [Reference("A", "Endpoint.Port")]),
        ({"Fn::Sub": "${A}${!B}${AWS::Region}"}, [Reference("A"), Reference("AWS::Region")]),
        ({"Fn::Sub": "${A.Arn}"}, [Reference("A", "Arn")]),
        (
            {"Fn::Sub": ["${Own}${A}", {"Own": {"Ref": "B"}}]},
            [Reference("B", path=("*",)), Reference("A")],
        ),
        (
            {"Fn::If": ["Condition", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
            [Reference("A", path=("*",)), Reference("AWS::NoValue", path=("*",))],
        ),
        (
            {"Rules": [{"Source": {"Fn::GetAtt": ["A", "GroupId"]}}]},
            [Reference("A", "GroupId", ("Rules", "*", "Source"))],
        ),
        ({"Fn::GetAtt": ["A", {"Ref": "B"}]}, ["A", "B"]),
        ({"Statement": {"Condition": {"Bool": {"Ref": "A"}}}}, ["A"]),
    ],
)
def test_references_are_found_with_their_paths(value, found):
    names = [item if isinstance(item, str) else item.name for item in found]
    assert sorted(references(value)) == sorted(names)
    for item in found:
        if isinstance(item, Reference):
            assert item in find_references(value)


def test_conditions_and_mappings_are_namespaces_of_their_own():
    value = {
        "Type": "AWS::SQS::Queue",
        "Condition": "A",
        "Properties": {"Name": {"Fn::If": ["B", {"Fn::FindInMap": ["C", "D", "E"]}, ""]}},
    }
    assert not find_references(value)
    conditions = {reference.name for reference in find_references(value, Namespace.CONDITION)}
    assert conditions == {"A", "B"}
    assert [each.name for each in find_references(value, Namespace.MAPPING)] == ["C"]


def test_renaming_changes_references_only():
    value = {
        "A": ["A", {"Ref": "A"}, {"Fn::GetAtt": ["A", "Arn"]}, {"Fn::GetAtt": "A.Arn"}],
        "B": {"Fn::Sub": ["${A} ${A.Arn} ${!A} ${Own}", {"Own": {"Ref": "A"}}]},
        "C": {"Fn::Sub": ["${A}", {"A": "x"}]},
        "D": {"Fn::If": ["A", 1, {"Fn::FindInMap": ["A", "A", "A"]}]},
    }
    assert rename_references(value, {"A": "Z"}) == {
        "A": ["A", {"Ref": "Z"}, {"Fn::GetAtt": ["Z", "Arn"]}, {"Fn::GetAtt": "Z.Arn"}],
        "B": {"Fn::Sub": ["${Z} ${Z.Arn} ${!A} ${Own}", {"Own": {"Ref": "Z"}}]},
        "C": {"Fn::Sub": ["${A}", {"A": "x"}]},
        "D": {"Fn::If": ["A", 1, {"Fn::FindInMap": ["A", "A", "A"]}]},
    }
    assert rename_references(value, {}) == value


def test_dependencies_include_explicit_ones():
    resources = {
        "A": {"Properties": {"X": {"Ref": "B"}}},
        "B": {"DependsOn": "C", "Properties": {"X": {"Ref": "Parameter"}}},
        "C": {"DependsOn": ["D"]},
        "D": {},
    }
    assert waits_for(resources["B"]) == {"C", "Parameter"}
    assert dependencies(resources) == {"A": {"B"}, "B": {"C"}, "C": {"D"}, "D": set()}
    assert reachable("A", resources, resources.__getitem__) == {"B", "C", "D"}


def test_walk_yields_every_value():
    assert list(walk({"a": [1, {"b": 2}]})) == [{"a": [1, {"b": 2}]}, [1, {"b": 2}], 1, {"b": 2}, 2]
