"""The JSON schema of the bodies that the API accepts."""

import json

import pytest
from jsonschema import Draft4Validator

from checkout import READING
from iot_pipeline_cfn.stack.readings import READINGS_IN_BATCH, readings_schema


@pytest.mark.parametrize(
    "body",
    [
        READING,
        [READING],
        [READING] * READINGS_IN_BATCH,
        READING | {"timestamp": "2026-01-31T12:00:30.25+09:00"},
        READING | {"measurements": {"a": 0, "b": -1e9}},
    ],
)
def test_schema_accepts_a_reading_and_a_batch(body):
    schema = readings_schema()
    Draft4Validator.check_schema(schema)
    assert Draft4Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "reading",
        {},
        [],
        [{}],
        [READING, {}],
        [READING] * (READINGS_IN_BATCH + 1),
        READING | {"deviceId": ""},
        READING | {"deviceId": "a" * 65},
        READING | {"deviceId": "'; drop table"},
        READING | {"deviceId": 7},
        READING | {"timestamp": "yesterday"},
        READING | {"timestamp": 1769860830},
        READING | {"measurements": {}},
        READING | {"measurements": {"temperature": "hot"}},
        READING | {"measurements": [1]},
        READING | {"more": 1},
        *(
            {key: value for key, value in READING.items() if key != left_out}
            for left_out in READING
        ),
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_schema_refuses_anything_else(body):
    assert not Draft4Validator(readings_schema()).is_valid(body)


@pytest.mark.parametrize("keyword", ["anyOf", "allOf", "oneOf", "definitions", "$ref"])
def test_schema_has_no_keyword_that_api_gateway_may_not_support(keyword):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html."""
    assert f'"{keyword}"' not in json.dumps(readings_schema())
