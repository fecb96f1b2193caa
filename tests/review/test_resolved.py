"""Values that are the same however they are written, and names that mean something else."""

import pytest

from checkout import REGION
from iot_pipeline_cfn.review.resolved import EnvironmentSource, resolve_pair
from iot_pipeline_cfn.review.resource_changes import find_changes
from iot_pipeline_cfn.template.changes import Replacement

PARAMETERS = {"Stage": {"Type": "String"}, "Size": {"Type": "Number", "Default": 2}}
IS_PROD = {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
IS_TEST = {"Fn::Equals": [{"Ref": "Stage"}, "test"]}
IMPORT, STACK = {"Fn::ImportValue": "x"}, {"Ref": "AWS::StackName"}


def template(name, **sections):
    """Return a template with a bucket of this name."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
    return {"Parameters": PARAMETERS, "Resources": {"Bucket": bucket}, **sections}


def changes(before, after):
    sides = resolve_pair(EnvironmentSource(before), EnvironmentSource(after), REGION)
    return {change.logical_id: change for change in find_changes(*sides)}


def lookup(name, key="Name"):
    return {"Fn::FindInMap": [name, {"Ref": "Stage"}, key]}


SAME = {
    "Join and Sub": (
        template({"Fn::Join": ["-", ["a", STACK, {"Fn::Join": ["", ["b", IMPORT]]}]]}),
        template({"Fn::Sub": ["a-${AWS::StackName}-b${Any}", {"Any": IMPORT}]}),
    ),
    "Ref and Sub": (template(STACK), template({"Fn::Sub": "${AWS::StackName}"})),
    "both forms of GetAtt": (
        template({"Fn::GetAtt": "Bucket.Arn"}),
        template({"Fn::GetAtt": ["Bucket", "Arn"]}),
    ),
    "index and zones": (
        template({"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        template({"Fn::Select": ["0", {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}),
    ),
    "number and text": (template(80), template("80")),
    "boolean and text": (template(True), template("true")),
    "no value": (template({"Ref": "AWS::NoValue"}), template(None)),
    "equal branches": (template({"Fn::If": ["Any", "a", "a"]}), template("a")),
    "renamed condition": (
        template({"Fn::If": ["One", "a", "b"]}, Conditions={"One": IS_PROD}),
        template({"Fn::If": ["Two", "a", "b"]}, Conditions={"Two": IS_PROD}),
    ),
    "order of operands": (
        template({"Fn::If": ["Any", 1, 2]}, Conditions={"Any": {"Fn::Or": [IS_PROD, IS_TEST]}}),
        template(
            {"Fn::If": ["Any", 1, 2]},
            Conditions={
                "Any": {"Fn::Or": [{"Condition": "Test"}, IS_PROD]},
                "Test": {"Fn::Equals": ["test", {"Ref": "Stage"}]},
            },
        ),
    ),
    "negated condition": (
        template({"Fn::If": ["Is", "a", "b"]}, Conditions={"Is": IS_PROD}),
        template({"Fn::If": ["IsNot", "b", "a"]}, Conditions={"IsNot": {"Fn::Not": [IS_PROD]}}),
    ),
    "renamed mapping": (
        template(lookup("One"), Mappings={"One": {"a": {"Name": "x"}}}),
        template(lookup("Two"), Mappings={"Two": {"a": {"Name": "x"}}}),
    ),
    "more entries": (
        template(lookup("Any"), Mappings={"Any": {"a": {"Name": "x"}}}),
        template(lookup("Any"), Mappings={"Any": {"a": {"Name": "x"}, "b": {"Name": "y"}}}),
    ),
    "another entry than the one that is used": (
        template(lookup("Any"), Mappings={"Any": {"a": {"Name": "x", "Other": 1}}}),
        template(lookup("Any"), Mappings={"Any": {"a": {"Name": "x", "Other": 2}}}),
    ),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME.keys())
def test_same_value_is_no_change(before, after):
    assert changes(before, after) == {}


ANY = {"Any": {"a": {"Name": "x"}}}
DIFFERENT = {
    "another text": (template("a"), template("b"), Replacement.YES),
    "another text around the same reference": (
        template({"Fn::Sub": "a-${Stage}"}),
        template({"Fn::Sub": "b-${Stage}"}),
        Replacement.YES,
    ),
    "a text that the parameter can also give": (
        template("a-b"),
        template({"Fn::Sub": "a-${Stage}"}),
        Replacement.MAYBE,
    ),
    "a text that the parameter cannot give": (
        template("other"),
        template({"Fn::Sub": "a-${Stage}"}),
        Replacement.YES,
    ),
    "one branch": (
        template({"Fn::If": ["Is", "a", "b"]}, Conditions={"Is": IS_PROD}),
        template({"Fn::If": ["Is", "a", "c"]}, Conditions={"Is": IS_PROD}),
        Replacement.MAYBE,
    ),
    "both branches": (
        template({"Fn::If": ["Is", "a", "b"]}, Conditions={"Is": IS_PROD}),
        template({"Fn::If": ["Is", "c", "d"]}, Conditions={"Is": IS_PROD}),
        Replacement.YES,
    ),
    "a condition with another meaning": (
        template({"Fn::If": ["Is", "a", "b"]}, Conditions={"Is": IS_PROD}),
        template({"Fn::If": ["Is", "a", "b"]}, Conditions={"Is": IS_TEST}),
        Replacement.MAYBE,
    ),
    "an entry of a mapping": (
        template(lookup("Any"), Mappings=ANY),
        template(lookup("Any"), Mappings={"Any": {"a": {"Name": "y"}}}),
        Replacement.MAYBE,
    ),
    "an entry fewer": (
        template(lookup("Any"), Mappings={"Any": {**ANY["Any"], "b": {"Name": "y"}}}),
        template(lookup("Any"), Mappings=ANY),
        Replacement.MAYBE,
    ),
    "an entry instead of a default": (
        template({"Fn::FindInMap": [*lookup("Any")["Fn::FindInMap"], {"DefaultValue": 1}]}),
        template(
            {"Fn::FindInMap": [*lookup("Any")["Fn::FindInMap"], {"DefaultValue": 1}]},
            Mappings=ANY,
        ),
        Replacement.MAYBE,
    ),
}


@pytest.mark.parametrize(
    ("before", "after", "replacement"), DIFFERENT.values(), ids=DIFFERENT.keys()
)
def test_replacement_is_certain_if_no_parameter_can_make_both_sides_equal(
    before, after, replacement
):
    assert changes(before, after)["Bucket"].replacement is replacement


@pytest.mark.parametrize("name", [{"Ref": "Key"}, {"Fn::Sub": "a-${Key}"}])
def test_parameter_that_becomes_a_resource_of_the_same_name_is_another_value(name):
    before = template(name, Parameters={"Key": {"Type": "String"}})
    after = template(name, Parameters={})
    after["Resources"]["Key"] = {"Type": "AWS::KMS::Key"}
    for pair in ((before, after), (after, before)):
        assert changes(*pair)["Bucket"].replacement is Replacement.YES


@pytest.mark.parametrize("default", [True, "true"])
@pytest.mark.parametrize("value", [True, "true"])
def test_condition_reads_booleans_as_text(default, value):
    """Without that, both sides lack the bucket and nothing changes."""
    sides = [
        template(
            name,
            Parameters={"Any": {"Type": "String", "Default": default}},
            Conditions={"Is": {"Fn::Equals": [{"Ref": "Any"}, value]}},
        )
        for name in ("a", "b")
    ]
    for side in sides:
        side["Resources"]["Bucket"]["Condition"] = "Is"
    assert changes(*sides)["Bucket"].replacement is Replacement.YES
