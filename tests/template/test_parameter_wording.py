"""Sentences for findings about parameters."""

import pytest

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.parameter_wording import PARAMETER_WORDINGS, parameter_sentence

SENTENCES = [
    (
        ("desired-count-above-maximum", "DesiredCount", {"value": "9", "maximum": "8"}),
        "DesiredCount: '9' is more than MaximumCount (8)",
    ),
    (
        ("fixed-parameter", "EncryptionKey", {"before": "aws-owned", "after": "customer-managed"}),
        "EncryptionKey: cannot be changed, because the database would be replaced; destroy the "
        "environment first ('aws-owned' -> 'customer-managed')",
    ),
    (
        ("duplicate-tag", "team", {"file": "pr.json"}),
        "pr.json: tag team: differs from another key in case only, which IAM refuses",
    ),
    (
        ("invalid-tag", "R&D", {"file": "pr.json", "value": ""}),
        "pr.json: tag 'R&D': a key has 1 to 128 characters and a value 1 to 256, which are "
        "letters, digits, spaces and _ . : / = + - @",
    ),
    (
        ("missing-parameter", "ImageTag", {}),
        "ImageTag: must be given, because it has no default",
    ),
    (("not-a-number", "TaskCpu", {"value": "ten"}), "TaskCpu: 'ten' is not a number"),
    (
        ("not-a-whole-number", "DesiredCount", {"value": "2.5"}),
        "DesiredCount: '2.5' is not a whole number",
    ),
    (
        ("out-of-range", "DesiredCount", {"value": "0", "minimum": 1, "maximum": 100}),
        "DesiredCount: '0' is not from 1 to 100",
    ),
    (
        ("pattern-mismatch", "ImageTag", {"value": "a\n" + "b" * 500, "rule": "One tag."}),
        rf"ImageTag: 'a\n{'b' * 58}...' is not allowed: One tag.",
    ),
    (
        ("reserved-parameter", "EnvironmentSuffix", {"file": "pr.json"}),
        "pr.json: EnvironmentSuffix: is set by the deployer and cannot be given",
    ),
    (("reserved-tag", "Name", {"file": "pr.json"}), "pr.json: tag Name: is reserved"),
    (
        ("template-rule", "Certificate", {"rule": "CertificateArn needs the DomainName."}),
        "CertificateArn needs the DomainName.",
    ),
    (
        ("too-many-tags", "Tags", {"count": 46, "maximum": 45}),
        "46 tags: at most 45 fit beside those of the stack",
    ),
    (
        ("unknown-parameter", "a b", {"declared": ["DesiredCount", "ImageTag"]}),
        "'a b': the template has no such parameter; it has DesiredCount, ImageTag",
    ),
    (
        ("unknown-parameter", "Imagetg", {"declared": ["DesiredCount", "ImageTag"]}),
        "Imagetg: the template has no such parameter; did you mean ImageTag?",
    ),
    (
        ("value-not-allowed", "Ingress", {"value": "both", "allowed": ["public", "private"]}),
        "Ingress: 'both' is not one of public, private",
    ),
    (
        ("value-too-long", "ImageTag", {"value": "a", "maximum_bytes": 4096}),
        "ImageTag: 'a' is longer than 4096 bytes",
    ),
]


@pytest.mark.parametrize(("finding", "sentence"), SENTENCES, ids=[item[0][0] for item in SENTENCES])
def test_sentence(finding, sentence):
    code, subject, details = finding
    assert parameter_sentence(Finding(code, Severity.ERROR, subject, details)) == sentence


def test_every_code_has_a_sentence():
    assert {finding[0] for finding, _ in SENTENCES} == PARAMETER_WORDINGS.keys()
