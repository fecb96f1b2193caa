"""Templates with features that ours lack, and random changes of any template."""

import copy

from hypothesis import strategies as st

LOOP = {
    "Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"],
    "Mappings": {"Buckets": {"Retention": {"Names": ["a", "b"]}}},
    "Resources": {
        "Fn::ForEach::Buckets": [
            "Name",
            {"Fn::FindInMap": ["Buckets", "Retention", "Names"]},
            {"Bucket${Name}": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "x"}}},
        ],
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": {"Any": {"Type": "Api"}}, "InlineCode": "{ not json"},
        },
    },
    "Outputs": {"Fn::ForEach::Out": ["Name", ["a"], {"Out${Name}": {"Value": "a"}}]},
}
UNKNOWN = {
    "Parameters": {
        "Stage": {"Type": "String", "AllowedValues": ["dev", "prod"]},
        "Secret": {"Type": "String", "NoEcho": True, "Default": "hunter2"},
        "Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/ami"},
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>", "Default": "subnet-1,subnet-2"},
        "Count": {"Type": "Number", "Default": 1, "MinValue": "1", "AllowedPattern": "\\p{Lu}"},
    },
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsOther": {"Fn::Or": [{"Condition": "IsProd"}, {"Fn::Not": [{"Condition": "IsProd"}]}]},
        "IsLoop": {"Condition": "IsLoop"},
    },
    "Resources": {
        "Thing": {"Type": "Custom::Thing", "Properties": {"ServiceToken": {"Ref": "Secret"}}},
        "Nested": {
            "Type": "AWS::CloudFormation::Stack",
            "Condition": "IsProd",
            "Properties": {"TemplateURL": {"Fn::Sub": ["s3://${A}", {"A": {"Ref": "Stage"}}]}},
        },
        "Group": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "UpdatePolicy": {"AutoScalingRollingUpdate": {"MinInstancesInService": 1}},
            "DependsOn": ["Thing"],
            "Properties": {
                "MinSize": {"Ref": "Count"},
                "VPCZoneIdentifier": {"Ref": "Subnets"},
                "Tags": {
                    "Fn::If": ["IsProd", [{"Key": "a", "Value": "b"}], {"Ref": "AWS::NoValue"}]
                },
            },
        },
        "Instance": {
            "Type": "AWS::EC2::Instance",
            "Metadata": {"AWS::CloudFormation::Init": {"config": {}}},
            "CreationPolicy": {"ResourceSignal": {"Count": 1}},
            "Properties": {
                "ImageId": {"Fn::If": ["IsOther", {"Fn::If": ["IsProd", "a", "b"]}, "c"]},
                "UserData": {"Fn::Base64": {"Fn::Sub": "#!/bin/sh\n${Thing.Answer} ${!Literal}"}},
            },
        },
        "Bare": {"Type": "AWS::SNS::Topic"},
        "Odd": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"Fn::Transform": {"Name": "AWS::Include"}},
        },
    },
    "Outputs": {
        "Answer": {
            "Value": {"Fn::GetAtt": ["Thing", "Answer"]},
            "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-answer"}},
        }
    },
}
CIRCLE = {
    "Resources": {
        "First": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Second"}}},
        "Second": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "First"}}},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "Tags": [{"Key": "a"}, {"Key": "a", "Value": 1}, "text", ["nested"], None],
            },
        },
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": "x", "PolicyDocument": {"Statement": {"Effect": "Allow"}}},
        },
    }
}
FOREIGN = [LOOP, UNKNOWN, CIRCLE]

SCALARS = st.one_of(
    st.booleans(), st.integers(-9, 9), st.sampled_from(["", "a", "{", '{"a": 1}', "10", "true"])
)
VALUES = st.recursive(
    st.one_of(
        SCALARS,
        st.sampled_from(
            [
                {"Ref": "AWS::NoValue"},
                {"Ref": "Stage"},
                {"Fn::GetAtt": ["Thing", "Answer"]},
                {"Fn::GetAtt": "Thing.Answer"},
                {"Fn::Sub": "${Thing}"},
                {"Fn::If": ["IsProd", "a", {"Ref": "AWS::NoValue"}]},
                {"Fn::ImportValue": "x"},
                {"Fn::Join": ["-", {"Ref": "Subnets"}]},
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["Key", "Name", "Value", "Id", "a"]), inner, max_size=3),
    ),
    max_leaves=6,
)


def places(value, path=()):
    """Yield the paths of all values within a value."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(item, (*path, key))


@st.composite
def mutants(draw, template):
    """Return a template with some of its values changed, removed and added."""
    changed = copy.deepcopy(template)
    for _ in range(draw(st.integers(1, 4))):
        inside_properties = [path for path in places(changed) if "Properties" in path[:-1]]
        if not inside_properties:
            break
        *path, last = draw(st.sampled_from(inside_properties))
        inside = changed
        for key in path:
            inside = inside[key]
        if draw(st.booleans()):
            inside[last] = copy.deepcopy(draw(VALUES))
        else:
            del inside[last]
    names = draw(st.lists(st.sampled_from(sorted(changed["Resources"])), max_size=2, unique=True))
    for name in names:
        if draw(st.booleans()):
            changed["Resources"][f"{name}2"] = changed["Resources"].pop(name)
    return changed
