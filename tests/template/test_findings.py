"""Findings as data."""

import json

from jsonschema import Draft202012Validator

from documents import SCHEMAS
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity


def test_severities_are_ranked_from_the_worst():
    assert sorted(Severity, key=lambda severity: severity.rank) == [*Severity]
    assert Severity.DATA_LOSS.rank < Severity.ERROR.rank < Severity.NOTE.rank


def test_finding_as_json_follows_its_schema():
    remediation = Remediation("set-parameter", {"name": "A", "value": "b"})
    finding = Finding(
        "vpcs", Severity.ERROR, "Vpc", {"needed": 1}, causes=("Vpc",), remediations=[remediation]
    )
    data = json.loads(json.dumps(finding.as_data()))
    Draft202012Validator(SCHEMAS["finding"]).validate(data)
    assert data["remediations"] == [
        {"action": "set-parameter", "details": {"name": "A", "value": "b"}}
    ]
    assert (data["severity"], data["causes"]) == ("error", ["Vpc"])
