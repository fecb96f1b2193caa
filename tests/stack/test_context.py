"""Parameters, conditions, rules, outputs and tags that components add to the template."""

import re

import pytest
from troposphere import Equals, Parameter
from troposphere.apigatewayv2 import VpcLink
from troposphere.ec2 import VPC, VPCGatewayAttachment

from iot_pipeline_cfn.stack.conditions import Condition
from iot_pipeline_cfn.stack.context import Context


@pytest.fixture
def context():
    context = Context("A template")
    context.add_environment()
    return context


def test_parameter_has_a_group_and_a_label_in_the_console(context):
    parameter = Parameter("Size", Type="Number")
    with context.group("Sizes"):
        assert context.add_parameter(parameter, label="How large") is parameter
    interface = context.template.to_dict()["Metadata"]["AWS::CloudFormation::Interface"]
    assert interface["ParameterGroups"][-1] == {
        "Label": {"default": "Sizes"},
        "Parameters": ["Size"],
    }
    assert interface["ParameterLabels"]["Size"] == {"default": "How large"}


def test_choice_lists_its_values_in_its_constraint(context):
    context.add_choice("Colour", ["red", "blue"], default="red", description="D.", label="L")
    assert context.template.to_dict()["Parameters"]["Colour"] == {
        "AllowedValues": ["red", "blue"],
        "ConstraintDescription": "One of red, blue.",
        "Default": "red",
        "Description": "D.",
        "Type": "String",
    }


def test_switch_is_disabled_by_default(context):
    condition = context.add_switch("Light", condition="HasLight", description="D.", label="L")
    body = context.template.to_dict()
    assert condition == Condition("HasLight")
    assert body["Parameters"]["Light"]["Default"] == "disabled"
    assert body["Conditions"]["HasLight"] == {"Fn::Equals": [{"Ref": "Light"}, "enabled"]}


@pytest.mark.parametrize(
    ("value", "is_allowed"), [("", True), ("7", True), ("x", True), ("7x", False), ("y", False)]
)
def test_optional_parameter_is_empty_or_matches_its_pattern(context, value, is_allowed):
    context.add_optional("Size", "[0-9]|x", constraint="C.", description="D.", label="L")
    pattern = context.template.to_dict()["Parameters"]["Size"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, value)) is is_allowed


def test_number_has_its_bounds_in_its_constraint(context):
    context.add_number("Size", default=2, maximum=9, description="D.", label="L")
    declaration = context.template.to_dict()["Parameters"]["Size"]
    assert (declaration["MinValue"], declaration["MaxValue"]) == (1, 9)
    assert declaration["ConstraintDescription"] == "1 to 9."


def test_second_condition_of_a_name_is_refused(context):
    assert context.add_condition("IsLarge", Equals("a", "b")) == Condition("IsLarge")
    with pytest.raises(ValueError, match="already has a condition IsLarge"):
        context.add_condition("IsLarge", Equals("b", "c"))


def test_rule_has_one_assertion_under_its_condition(context):
    condition, assertion = Equals("a", "b"), Equals("c", "d")
    context.add_rule("Rule", condition=condition, assertion=assertion, description="D.")
    assert context.template.to_dict()["Rules"]["Rule"] == {
        "RuleCondition": {"Fn::Equals": ["a", "b"]},
        "Assertions": [{"Assert": {"Fn::Equals": ["c", "d"]}, "AssertDescription": "D."}],
    }


def test_output_has_the_condition_of_its_resource(context):
    context.add_output("Thing", "A thing.", "value", condition=Condition("HasThing"))
    assert context.template.to_dict()["Outputs"]["Thing"] == {
        "Condition": "HasThing",
        "Description": "A thing.",
        "Value": "value",
    }


def test_resources_of_ec2_have_names(context):
    """An attachment takes no tags, and other services have names of their own."""
    resources = [VPC("Vpc"), VPCGatewayAttachment("Attached"), VpcLink("Link")]
    for resource in resources:
        context.add(resource)
    context.add_names()
    named, *others = (resource.to_dict(validation=False) for resource in resources)
    name = {"Fn::Sub": "iot-pipeline-${EnvironmentSuffix}/Vpc"}
    assert named["Properties"]["Tags"] == [{"Key": "Name", "Value": name}]
    assert not any("Properties" in other for other in others)
