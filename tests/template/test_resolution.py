"""Resolving templates, and leaving what only a stack knows."""

import pytest

from iot_pipeline_cfn.template.resolution import Resolver, resolve

TEMPLATE = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "one"},
        "Count": {"Type": "Number", "Default": 2},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Secret": {"Type": "String", "Default": "hidden", "NoEcho": True},
        "Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/path"},
        "Open": {"Type": "String"},
        "Protect": {"Type": "String", "Default": True},
    },
    "Mappings": {"Sizes": {"one": {"cpu": "256"}}},
    "Conditions": {
        "IsOne": {"Fn::Equals": [{"Ref": "Name"}, "one"]},
        "IsTwo": {"Fn::Equals": [{"Ref": "Count"}, 2]},
        "IsOpen": {"Fn::Equals": [{"Ref": "Open"}, "yes"]},
        "Never": {"Fn::Not": [{"Condition": "IsOne"}]},
    },
}
HERE, IMPORT = {"Ref": "Vpc"}, {"Fn::ImportValue": "vpc"}
MAYBE_NONE = {"Fn::If": ["IsOpen", "b", {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"Ref": "Name"}, "one"),
        ({"Ref": "Count"}, "2"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "Secret"}, {"Ref": "Secret"}),
        ({"Ref": "Image"}, {"Ref": "Image"}),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::AccountId"}, {"Ref": "AWS::AccountId"}),
        (HERE, HERE),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Fn::If": ["IsOne", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsOpen", {"Ref": "Name"}, "no"]}, {"Fn::If": ["IsOpen", "one", "no"]}),
        (
            {"Fn::If": ["IsOpen", {"Ref": "AWS::NoValue"}, "no"]},
            {"Fn::If": ["IsOpen", {"Ref": "AWS::NoValue"}, "no"]},
        ),
        ({"Fn::If": "not as documented"}, {"Fn::If": "not as documented"}),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Name"}, "cpu"]}, "256"),
        ({"Fn::FindInMap": ["Sizes", "two", "cpu", {"DefaultValue": "1"}]}, "1"),
        ({"Fn::FindInMap": ["Sizes", "two", "cpu"]}, {"Fn::FindInMap": ["Sizes", "two", "cpu"]}),
        ({"Fn::Sub": "${Name}-${AWS::Region}"}, "one-eu-west-1"),
        ({"Fn::Sub": "${Name}-${Vpc.CidrBlock}"}, {"Fn::Sub": "one-${Vpc.CidrBlock}"}),
        ({"Fn::Sub": "${!Name}"}, "${Name}"),
        ({"Fn::Sub": ["${A}-${B}", {"A": "a", "B": HERE}]}, {"Fn::Sub": "a-${Vpc}"}),
        ({"Fn::Sub": "${Vpc}"}, HERE),
        ({"Fn::Sub": "${Vpc.CidrBlock}"}, {"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
        ({"Fn::Sub": ["${A}", {"A": IMPORT}]}, IMPORT),
        ({"Fn::GetAtt": "Vpc.CidrBlock"}, {"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
        ({"Fn::GetAZs": ""}, {"Fn::GetAZs": "eu-west-1"}),
        ({"Fn::Join": ["-", [{"Ref": "Name"}, "b"]]}, "one-b"),
        ({"Fn::Join": ["-", [HERE, "b"]]}, {"Fn::Sub": "${Vpc}-b"}),
        ({"Fn::Join": ["", ["a", {"Fn::Sub": "${Vpc}/"}, 1]]}, {"Fn::Sub": "a${Vpc}/1"}),
        ({"Fn::Join": ["", ["${a}", HERE]]}, {"Fn::Sub": "${!a}${Vpc}"}),
        ({"Fn::Join": ["-", [IMPORT, "b", IMPORT]]}, {"Fn::Sub": ["${1}-b-${1}", {"1": IMPORT}]}),
        ({"Fn::Join": ["-", ["a", MAYBE_NONE]]}, {"Fn::Join": ["-", ["a", MAYBE_NONE]]}),
        ({"Fn::If": ["IsOpen", HERE, {"Fn::Sub": "${Vpc}"}]}, HERE),
        ({"Fn::If": ["IsOpen", {"Fn::If": ["IsOpen", 1, 2]}, 3]}, {"Fn::If": ["IsOpen", 1, 3]}),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", "a/b"]}]}, "b"),
        ({"Fn::Select": [9, ["a"]]}, {"Fn::Select": ["9", ["a"]]}),
        ({"Fn::Split": ["/", HERE]}, {"Fn::Split": ["/", HERE]}),
        ({"Fn::Base64": {"Ref": "Name"}}, {"Fn::Base64": "one"}),
    ],
    ids=str,
)
def test_value_is_resolved_as_far_as_it_is_known(source, expected):
    assert Resolver(TEMPLATE, {"AWS::Region": "eu-west-1"}).value(source) == expected


ONE, TWO, OPEN = ({"Condition": name} for name in ("IsOne", "IsTwo", "IsOpen"))
NEVER = {"Condition": "Never"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (ONE, True),
        (TWO, True),
        (NEVER, False),
        (OPEN, None),
        ({"Condition": "NotThere"}, None),
        ({"Fn::Not": [OPEN]}, None),
        ({"Fn::And": [ONE, TWO]}, True),
        ({"Fn::And": [ONE, OPEN]}, None),
        ({"Fn::And": [OPEN, NEVER]}, False),
        ({"Fn::Or": [NEVER, NEVER]}, False),
        ({"Fn::Or": [OPEN, ONE]}, True),
        ({"Fn::Or": [OPEN, NEVER]}, None),
        ({"Fn::Equals": [{"Ref": "Protect"}, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "Protect"}, True]}, True),
        ({"Fn::Equals": [HERE, HERE]}, True),
        ({"Fn::Equals": [HERE, "vpc-1"]}, None),
        ({"Fn::Contains": [{"Ref": "Zones"}, "b"]}, True),
        ({"Fn::Contains": [HERE, "b"]}, None),
        ({"Fn::EachMemberIn": [["a"], ["a"]]}, None),
    ],
    ids=str,
)
def test_condition_is_met_not_met_or_unknown(expression, expected):
    assert Resolver(TEMPLATE, {}).holds(expression) is expected


def test_section_excludes_only_what_a_condition_certainly_excludes():
    kept = {"Type": "AWS::SNS::Topic"}
    resources = {
        "Always": kept,
        "Kept": kept | {"Condition": "IsOne"},
        "Perhaps": kept | {"Condition": "IsOpen"},
        "Gone": kept | {"Condition": "Never"},
    }
    found = resolve(TEMPLATE | {"Resources": resources}, {})
    assert found == {"Resources": dict.fromkeys(("Always", "Kept", "Perhaps"), kept), "Outputs": {}}


def test_given_value_replaces_the_default_of_a_declared_parameter():
    resolver = Resolver(TEMPLATE, {"Name": "two", "Zones": "c", "Other": "x"})
    assert resolver.value([{"Ref": "Name"}, {"Ref": "Zones"}]) == ["two", ["c"]]
    assert resolver.value({"Ref": "Other"}) == {"Ref": "Other"}
