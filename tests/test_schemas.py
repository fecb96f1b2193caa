"""The JSON Schemas of the commands' documents."""

import pytest
from jsonschema.validators import validator_for

from checkout import ROOT
from documents import SCHEMAS
from iot_pipeline_cfn.deploy.deletion import DeletionOutcome
from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.verdict import ResourceOutcome
from iot_pipeline_cfn.template.changes import Action, Replacement, UpdateBehavior
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.references import walk

ENUMERATIONS = {
    ("change", "action"): Action,
    ("change", "behavior"): UpdateBehavior,
    ("change", "replacement"): Replacement,
    ("deletion", "outcome"): DeletionOutcome,
    ("finding", "severity"): Severity,
    ("review", "outcome"): ResourceOutcome,
    ("review", "topic"): Topic,
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid(name):
    validator_for(SCHEMAS[name]).check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_documented(name):
    assert f"/{name}.schema.json)" in (ROOT / "docs/json.md").read_text()


@pytest.mark.parametrize(("name", "key"), ENUMERATIONS)
def test_values_of_a_schema_are_those_of_the_enumeration(name, key):
    parts = [part[key] for part in walk(SCHEMAS[name]) if isinstance(part, dict) and key in part]
    allowed = [part["enum"] for part in parts if "enum" in part]
    assert allowed
    assert all({*values} == {*ENUMERATIONS[name, key]} for values in allowed)
