"""The JSON Schemas of the commands' documents."""

import pytest
from jsonschema.validators import validator_for

from checkout import ROOT
from documents import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid(name):
    validator_for(SCHEMAS[name]).check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_documented(name):
    assert f"/{name}.schema.json)" in (ROOT / "docs/json.md").read_text()
