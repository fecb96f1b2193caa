"""Conditions as values."""

import pytest
from troposphere import And, Output, Parameter, encode_to_dict
from troposphere.sns import Topic

from iot_pipeline_cfn.stack.conditions import Condition, is_empty, is_given

IS_LARGE = Condition("IsLarge")


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        (IS_LARGE.choose(2, 1), {"Fn::If": ["IsLarge", 2, 1]}),
        (IS_LARGE.choose(2), {"Fn::If": ["IsLarge", 2, {"Ref": "AWS::NoValue"}]}),
        (IS_LARGE.as_bool(), {"Fn::If": ["IsLarge", True, False]}),
        (
            And(IS_LARGE.as_term(), IS_LARGE.as_term()),
            {"Fn::And": [{"Condition": "IsLarge"}, {"Condition": "IsLarge"}]},
        ),
        (is_empty(Parameter("Size", Type="String")), {"Fn::Equals": [{"Ref": "Size"}, ""]}),
        (
            is_given(Parameter("Size", Type="String")),
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, ""]}]},
        ),
    ],
)
def test_condition_is_rendered_as_cloudformation_expects_it(value, rendered):
    assert encode_to_dict(value) == rendered


def test_resource_and_output_take_a_condition():
    topic = encode_to_dict(Topic("Topic", Condition=IS_LARGE))
    assert topic["Condition"] == "IsLarge"
    output = encode_to_dict(Output("Out", Condition=IS_LARGE, Value="1"))
    assert output["Condition"] == "IsLarge"


def test_condition_cannot_be_used_as_a_bool():
    with pytest.raises(TypeError, match="IsLarge is evaluated by CloudFormation"):
        bool(IS_LARGE)
