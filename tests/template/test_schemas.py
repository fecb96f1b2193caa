"""The resource schemas of AWS."""

import sys

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from iot_pipeline_cfn.template.schemas import MissingSchemasError, is_number, paths, schema_of


@pytest.mark.parametrize(
    ("resource_type", "entry", "path"),
    [
        ("AWS::EC2::VPC", "createOnlyProperties", ("CidrBlock",)),
        ("AWS::RDS::DBInstance", "writeOnlyProperties", ("MasterUserPassword",)),
        ("AWS::EC2::VPC", "primaryIdentifier", ("VpcId",)),
    ],
)
def test_paths_of_properties_are_read_from_the_schema(resource_type, entry, path):
    assert path in paths(resource_type, entry)


@pytest.mark.parametrize(
    ("resource_type", "path", "expected"),
    [
        ("AWS::CloudWatch::Alarm", ("Threshold",), True),
        ("AWS::RDS::DBInstance", ("EngineVersion",), False),
        ("AWS::EC2::SecurityGroup", ("SecurityGroupIngress", "*", "FromPort"), True),
        ("AWS::EC2::SecurityGroup", ("SecurityGroupIngress", "*", "CidrIp"), False),
        ("AWS::Not::AType", ("Any",), False),
    ],
)
def test_schema_tells_numbers_from_text(resource_type, path, expected):
    """The version `8.0` is another text than `8`, but the threshold 0.0 is 0."""
    assert is_number(resource_type, path) is expected


def test_unknown_type_has_no_schema():
    assert schema_of("AWS::Not::AType") is None
    assert paths("AWS::Not::AType", "createOnlyProperties") == frozenset()


def test_schemas_are_those_of_the_linter(template):
    types = {resource["Type"] for resource in template["Resources"].values()}
    for resource_type in types | {"AWS::Serverless::Function", "Custom::Any"}:
        known = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type)
        assert schema_of(resource_type) == known.schema, resource_type


def test_missing_schemas_are_an_error_of_their_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "cfnlint", None)
    schema_of.cache_clear()
    with pytest.raises(MissingSchemasError):
        schema_of("AWS::EC2::VPC")
