"""The readings that the API accepts."""

from typing import Any

READINGS_IN_BATCH = 500


def readings_schema() -> dict[str, Any]:
    """Return the JSON schema of one reading or a batch, in draft 4, which API Gateway reads."""
    reading = {
        "additionalProperties": False,
        "properties": {
            "deviceId": {"pattern": "^[A-Za-z0-9._:-]{1,64}$", "type": "string"},
            "measurements": {
                "additionalProperties": {"type": "number"},
                "minProperties": 1,
                "type": "object",
            },
            "timestamp": {
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
                "type": "string",
            },
        },
        "required": ["deviceId", "measurements", "timestamp"],
        "type": "object",
    }
    # Neither anyOf nor definitions, which API Gateway may not support
    # (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html):
    # the rules for objects do not apply to arrays, nor those for arrays to objects.
    return reading | {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "items": reading,
        "maxItems": READINGS_IN_BATCH,
        "minItems": 1,
        "type": ["array", "object"],
    }
