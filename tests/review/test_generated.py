"""Resources whose content is not in the template."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.generated import find_unknown_contents

STACK, FUNCTION = "AWS::CloudFormation::Stack", "AWS::Serverless::Function"
INCLUDED = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}}


@pytest.mark.parametrize(
    ("resource_type", "before", "after", "expected"),
    [
        (STACK, {"TemplateURL": "a"}, {"TemplateURL": "b"}, ["TemplateURL"]),
        (STACK, {"Parameters": {"A": 1}}, {"Parameters": {"A": 2}}, ["Parameters"]),
        (STACK, {"TimeoutInMinutes": 1}, {"TimeoutInMinutes": 2}, None),
        ("AWS::Serverless::Application", {"Location": "a"}, {"Location": "b"}, ["Location"]),
        ("AWS::Serverless::Api", {"Auth": {"DefaultAuthorizer": "A"}}, {}, ["Auth"]),
        (FUNCTION, {}, {"Policies": ["AdministratorAccess"]}, ["Policies"]),
        (FUNCTION, {}, {"Events": {"Any": {"Type": "Api"}}}, ["Events"]),
        (FUNCTION, {"InlineCode": "a"}, {"InlineCode": "b", "MemorySize": 512}, None),
        ("AWS::ApiGateway::RestApi", {"Body": {}}, {"Body": INCLUDED}, ["Body"]),
        ("AWS::SQS::Queue", {"A": 1}, {"A": 1, **INCLUDED}, ["Fn::Transform"]),
        ("AWS::SQS::Queue", {"A": 1}, {"A": 1, "Fn::ForEach::B": []}, ["Fn::ForEach::B"]),
        ("AWS::SQS::Queue", {}, {"DelaySeconds": 1}, None),
    ],
)
def test_property_that_decides_about_other_resources_is_unknown(
    resource_type, before, after, expected
):
    sides = ({"Any": {"Type": resource_type, "Properties": found}} for found in (before, after))
    found = compared(find_unknown_contents, *sides)
    assert [one.details["properties"] for one in found] == ([expected] if expected else [])


def test_parameter_of_a_nested_stack_that_follows_another_resource_is_unknown():
    def network(block):
        nested = {"TemplateURL": "a", "Parameters": {"VpcId": {"Ref": "Vpc"}}}
        return {
            "Nested": {"Type": STACK, "Properties": nested},
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}},
        }

    (found,) = compared(find_unknown_contents, network("10.0.0.0/16"), network("10.1.0.0/16"))
    assert found.subject == "Nested"
