"""Parameters, conditions and outputs."""

import re

import pytest
from troposphere import Equals, Parameter, Template

from iot_pipeline_cfn.stack.sections import (
    add_choice,
    add_condition,
    add_number,
    add_optional,
    add_output,
    add_parameter,
    add_switch,
    is_given,
)


def test_parameter_gets_its_group_and_label():
    """The console shows parameters in groups, under their labels."""
    template = Template()
    parameter = Parameter("Size", Type="Number")
    assert add_parameter(template, parameter, group="Sizes", label="How large") is parameter
    assert template.to_dict()["Metadata"]["AWS::CloudFormation::Interface"] == {
        "ParameterGroups": [{"Label": {"default": "Sizes"}, "Parameters": ["Size"]}],
        "ParameterLabels": {"Size": {"default": "How large"}},
    }


def test_choice_says_what_may_be_chosen():
    """A wrong value is answered with the right ones."""
    template = Template()
    add_choice(
        template, "Colour", ["red", "blue"], default="red", description="D.", group="G", label="L"
    )
    assert template.to_dict()["Parameters"]["Colour"] == {
        "AllowedValues": ["red", "blue"],
        "ConstraintDescription": "One of red, blue.",
        "Default": "red",
        "Description": "D.",
        "Type": "String",
    }


def test_switch_is_off_unless_enabled():
    """And its condition is that it is enabled."""
    template = Template()
    condition = add_switch(
        template, "Light", condition="HasLight", description="D.", group="G", label="L"
    )
    body = template.to_dict()
    assert condition == "HasLight"
    assert body["Parameters"]["Light"]["Default"] == "disabled"
    assert body["Conditions"]["HasLight"] == {"Fn::Equals": [{"Ref": "Light"}, "enabled"]}


def test_optional_parameter_is_empty_or_fits():
    """The pattern stands for the whole value."""
    template = Template()
    parameter = add_optional(
        template, "Size", "[0-9]|x", constraint="C.", description="D.", group="G", label="L"
    )
    pattern = template.to_dict()["Parameters"]["Size"]["AllowedPattern"]
    assert [bool(re.fullmatch(pattern, value)) for value in ("", "7", "x", "7x", "y")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert is_given(parameter).to_dict() == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, ""]}]}


def test_number_has_its_bounds_in_words():
    """From one to the maximum."""
    template = Template()
    add_number(template, "Size", default=2, maximum=9, description="D.", group="G", label="L")
    declaration = template.to_dict()["Parameters"]["Size"]
    assert (declaration["MinValue"], declaration["MaxValue"]) == (1, 9)
    assert declaration["ConstraintDescription"] == "1 to 9."


def test_second_condition_of_a_name_is_refused():
    """Troposphere would put it in the place of the first and say nothing."""
    template = Template()
    assert add_condition(template, "IsLarge", Equals("a", "b")) == "IsLarge"
    with pytest.raises(ValueError, match="already has a condition IsLarge"):
        add_condition(template, "IsLarge", Equals("b", "c"))


def test_output_exists_under_the_condition_of_its_resource():
    """An output of a resource that does not exist would fail the stack."""
    template = Template()
    add_output(template, "Thing", "A thing.", "value", condition="HasThing")
    assert template.to_dict()["Outputs"]["Thing"] == {
        "Condition": "HasThing",
        "Description": "A thing.",
        "Value": "value",
    }
