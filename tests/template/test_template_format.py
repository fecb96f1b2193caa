"""Reading templates of any kind, and telling the place of what is wrong with one."""

from pathlib import Path

import pytest

from iot_pipeline_cfn.template.files import UnreadableFileError
from iot_pipeline_cfn.template.template_format import parse_template

YAML = """
Parameters:
  Enabled: {Type: String, Default: true}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Condition: IsEnabled
    Properties:
      BucketName: !Sub "${AWS::StackName}-x"
      Tags:
        - {Key: date, Value: 2026-01-31}
        - {Key: key, Value: !GetAtt Key.Arn}
        - {Key: names, Value: !Join [",", [!Ref Key, !If [IsEnabled, a, b]]]}
Conditions:
  IsEnabled: !Equals [!Ref Enabled, "true"]
"""


def test_yaml_with_short_forms_is_read_as_json_would_be():
    content = parse_template(Path("any.yaml"), YAML.encode())
    tags = content["Resources"]["Bucket"]["Properties"].pop("Tags")
    assert content == {
        "Parameters": {"Enabled": {"Type": "String", "Default": True}},
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Condition": "IsEnabled",
                "Properties": {"BucketName": {"Fn::Sub": "${AWS::StackName}-x"}},
            }
        },
        "Conditions": {"IsEnabled": {"Fn::Equals": [{"Ref": "Enabled"}, "true"]}},
    }
    assert [tag["Value"] for tag in tags] == [
        "2026-01-31",
        {"Fn::GetAtt": ["Key", "Arn"]},
        {"Fn::Join": [",", [{"Ref": "Key"}, {"Fn::If": ["IsEnabled", "a", "b"]}]]},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be an object"),
        ("", "is not a template with resources"),
        ("Resources:", "Resources must be an object"),
        ("Resources: {}", "is not a template with resources"),
        ("Resources: {A: text}", "Resources.A must be an object"),
        ("Resources: {A: {}}", "Resources.A must have a Type"),
        ("Resources: {A: {Type: 1}}", "Resources.A.Type must be text"),
        ("Resources: {A: {Type: T, Properties: []}}", "Resources.A.Properties must be an object"),
        (
            "Resources: {A: {Type: T, DependsOn: [{Ref: B}]}}",
            "Resources.A.DependsOn.0 must be a logical ID",
        ),
        ("Parameters: {A: null}", "Parameters.A must be an object"),
        ("Parameters: {A: {Default: [1]}}", "Parameters.A.Default must be text or a number"),
        ("Mappings: {A: {B: 1}}", "Mappings.A.B must be an object"),
        ("Outputs: {A: {Export: true}}", "Outputs.A.Export must be an object"),
        ("a: [1", "line 2 not YAML: did not find expected ',' or ']'"),
        ("a: &a [*a]", "not YAML: Template could not be parsed: found unconstructable recursive"),
        ("a: 1\na: 2", "not YAML: Duplicate found 'a' (line 1)"),
        ("\xff", "must be an object"),
        ("[" * 5000 + "]" * 5000, "not YAML: Template could not be parsed: maximum recursion"),
        ('{"Resources": {"A": null}}', "Resources.A must be an object"),
        ('{"Resources": ', "not JSON: Expecting value"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(text, message):
    with pytest.raises(UnreadableFileError) as caught:
        parse_template(Path("any"), text.encode())
    assert str(caught.value).startswith("any: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_functions_between_entries_are_accepted():
    text = "Resources: {A: {Type: T}, 'Fn::ForEach::All': [B, [], {}]}"
    assert "Fn::ForEach::All" in parse_template(Path("any"), text.encode())["Resources"]
