"""Changes that the given parameters hide."""

import pytest

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.conditional import (
    find_conditional_changes,
    find_conditional_exposure,
    open_sides,
)
from iot_pipeline_cfn.review.resolved import EnvironmentSource
from iot_pipeline_cfn.template.findings import Severity

DATABASE = {
    "Type": "AWS::RDS::DBInstance",
    "Condition": "Has",
    "DeletionPolicy": "Delete",
    "Properties": {"MasterUsername": "a"},
}
OTHER = {**DATABASE, "Properties": {"MasterUsername": "b"}}
LARGER = {**DATABASE, "Properties": {"MasterUsername": "a", "AllocatedStorage": 9}}
QUEUE = {"Type": "AWS::SQS::Queue"}


def branch(name):
    """Return a database that exists always, with a name that depends on the condition."""
    name = {"Fn::If": ["Has", name, "z"]}
    return {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUsername": name}}


def template(resource, **outputs):
    return {
        "Parameters": {"Given": {"Type": "String", "Default": ""}},
        "Conditions": {"Has": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Given"}, ""]}]}},
        "Resources": {"Queue": QUEUE, **({"Any": resource} if resource else {})},
        "Outputs": outputs,
    }


def hidden(before, after, *, are_all_known=False):
    sides = open_sides(EnvironmentSource(before), EnvironmentSource(after))
    found = find_conditional_changes(sides, [], are_all_known=are_all_known)
    return [
        (one.subject, one.details["outcome"], one.severity, one.details["conditions"])
        for one in found
    ]


@pytest.mark.parametrize(
    ("before", "after", "outcome", "severity"),
    [
        (DATABASE, OTHER, "replaced", Severity.DATA_LOSS),
        (DATABASE, LARGER, "changed", Severity.CHANGE),
        (DATABASE, None, "removed", Severity.DATA_LOSS),
        (None, DATABASE, "added", Severity.NOTE),
        (branch("a"), branch("b"), "maybe-replaced", Severity.DATA_LOSS),
    ],
    ids=["replaced", "changed", "removed", "added", "branch"],
)
def test_change_behind_a_condition_that_is_not_met_is_reported(before, after, outcome, severity):
    sides = template(before), template(after)
    assert hidden(*sides) == [("Any", outcome, severity, ["Has"])]
    assert hidden(*sides, are_all_known=True) == [("Any", outcome, Severity.NOTE, ["Has"])]


def test_output_behind_a_condition_that_is_not_met_is_reported():
    output = {"Condition": "Has", "Value": "1"}
    sides = template(None, Any=output), template(None)
    assert hidden(*sides) == [("Any", "removed", Severity.CHANGE, ["Has"])]


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ({"Ref": "Name"}, {"Parameters": {"Name": {"Type": "String", "Default": "a"}}}),
        ({"Fn::FindInMap": ["Any", "x", "y"]}, {"Mappings": {"Any": {"x": {"y": "a"}}}}),
    ],
    ids=["parameter", "mapping"],
)
def test_literal_that_moves_to_a_parameter_or_a_mapping_hides_nothing(name, sections):
    database = {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUsername": name}}
    moved = {"Resources": {"Any": database}, **sections}
    literal = {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUsername": "a"}}
    sides = {"Resources": {"Any": literal}}, moved
    assert hidden(*sides) == hidden(*sides[::-1]) == []


def test_condition_on_a_new_parameter_is_known():
    """Stacks get its default."""
    before = {"Resources": {"Any": {"Type": "AWS::S3::Bucket", "Properties": {}}}}
    after = template(None)
    properties = {"BucketName": {"Fn::If": ["Has", "a", {"Ref": "AWS::NoValue"}]}}
    after["Resources"] = {"Any": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    assert hidden(before, after) == []
    stored = {**before, "Parameters": after["Parameters"]}
    assert [found[:2] for found in hidden(stored, after)] == [("Any", "maybe-replaced")]


def test_conditions_on_parameters_with_the_same_default_differ():
    first, second = template(DATABASE), template(OTHER)
    for side in (first, second):
        side["Parameters"]["Also"] = side["Parameters"]["Given"]
        also = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Also"}, ""]}]}
        side["Conditions"] = {"Also": also, **side["Conditions"]}
    assert [found[3] for found in hidden(first, second)] == [["Has"]]


def test_other_default_hides_nothing():
    """A stack keeps its value."""
    database = {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUsername": {"Ref": "Name"}}}
    sides = (
        {
            "Parameters": {"Name": {"Type": "String", "Default": name}},
            "Resources": {"Any": database},
        }
        for name in "ab"
    )
    assert hidden(*sides) == []


@pytest.mark.parametrize(
    ("first", "count"), [({"Ref": "Given"}, 0), ("a", 1)], ids=["another", "never"]
)
def test_condition_that_is_never_met_any_more_removes_what_it_has_created(first, count):
    """Another definition is reported by itself."""
    changed = template(DATABASE) | {"Conditions": {"Has": {"Fn::Equals": [first, "b"]}}}
    assert [found[1] for found in hidden(template(DATABASE), changed)] == ["removed"] * count


def test_exposure_behind_a_condition_that_is_not_met_says_where():
    balancer = {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Condition": "Has",
        "Properties": {"Scheme": "internal"},
    }
    public = {**balancer, "Properties": {"Scheme": "internet-facing"}}
    always = {name: value for name, value in public.items() if name != "Condition"}
    first, second = template(balancer), template(public)
    second["Resources"]["Other"] = always
    sides = open_sides(EnvironmentSource(first), EnvironmentSource(second))
    hidden = [
        one
        for one in find_conditional_changes(sides, [], are_all_known=True)
        if one.subject == "Any"
    ]
    ((topic, found),) = find_conditional_exposure(*sides, hidden)
    assert (topic, found.code, found.subject) == (Topic.EXPOSURE, "internet-facing", "Any")
    assert found.severity is Severity.EXPOSURE
    assert (found.details["where"], found.details["is_certain"]) == (["Has"], False)
