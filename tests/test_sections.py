"""Parameters, conditions and outputs."""

import pytest
from troposphere import Equals, Parameter, Template

from iot_pipeline_cfn.sections import add_choice, add_condition, add_output, add_parameter


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


def test_second_condition_of_a_name_is_refused():
    """troposphere would put it in the place of the first and say nothing."""
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
