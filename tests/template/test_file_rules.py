"""Rules for tags, stack policies and names: those of the strictest service."""

import pytest

from iot_pipeline_cfn.template.file_rules import BUCKET, check_tags, is_stack_policy


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Team": "Größe 5 / 東京", "cost:centre": "a@b+c=d_e-f.g"}, None),
        ({"Team": ""}, "invalid-tag"),
        ({"Team": "R&D (core) 100%"}, "invalid-tag"),
        ({"Te\tam": "x"}, "invalid-tag"),
        ({"T" * 129: "x"}, "invalid-tag"),
        ({"Team": "x" * 257}, "invalid-tag"),
        ({"name": "x"}, "reserved-tag"),
        ({"ENVIRONMENT": "x"}, "reserved-tag"),
        ({"AWS:x": "y"}, "reserved-tag"),
        ({"iot-pipeline:environment": "y"}, "reserved-tag"),
        ({"Team": "x", "team": "y"}, "duplicate-tag"),
        ({f"Key{number}": "x" for number in range(42)}, None),
        ({f"Key{number}": "x" for number in range(43)}, "too-many-tags"),
    ],
)
def test_tags_that_a_service_refuses_are_errors(tags, code):
    assert {finding.code for finding in check_tags(tags)} == ({code} if code else set())


ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"Action": ["Update:Delete", "Update:Replace"]}, True),
        ({"Resource": ["LogicalResourceId/Database"]}, True),
        ({"Sid": "any", "Condition": {"StringEquals": {"ResourceType": ["AWS::RDS::*"]}}}, True),
        ({"Effect": "allow"}, False),
        ({"Action": "Update:Everything"}, False),
        ({"Action": []}, False),
        ({"Principal": "arn:aws:iam::123456789012:root"}, False),
        ({"Principal": None}, False),
        ({"Resource": "Database"}, False),
        ({"Ressource": "*"}, False),
        ({"Sid": "x" * 16_384}, False),
    ],
)
def test_stack_policy_is_one_that_cloudformation_accepts(changes, expected):
    assert is_stack_policy({"Statement": [ALLOW | changes]}) is expected


@pytest.mark.parametrize(
    "name", ["a..b", "xn--abc", "192.168.5.4", "abc-s3alias", "ab", "A-bucket"]
)
def test_name_that_no_bucket_has_is_refused(name):
    assert not BUCKET.fullmatch(name)
    assert BUCKET.fullmatch("a-bucket.of-mine1")
