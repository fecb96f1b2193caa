"""The wording of findings about access, quotas and costs, held by golden/access-wordings.txt.

To accept a change: `UPDATE_GOLDEN=1 .venv/bin/pytest tests/review/report/test_access_wording.py`.
"""

from golden import compare_with_golden
from iot_pipeline_cfn.review.report.access_wording import ACCESS_WORDINGS, EXPOSURE
from iot_pipeline_cfn.review.report.markdown import STYLE as MARKDOWN
from iot_pipeline_cfn.review.report.terminal import STYLE as TERMINAL
from iot_pipeline_cfn.review.report.wording import sentence
from iot_pipeline_cfn.template.findings import Finding, Severity

EXPOSED, CHANGED, NOTED = Severity.EXPOSURE, Severity.CHANGE, Severity.NOTE
INTERNET = {
    "sources": ["0.0.0.0/0"],
    "targets": ["Database"],
    "ports": ["tcp 5432"],
    "before": {"Service": ["tcp 5432"]},
    "after": {"0.0.0.0/0": ["tcp 5432"], "Service": ["tcp 5432"]},
}
SERVICE = {"sources": ["Service"], "targets": ["Cache", "Database"], "ports": ["tcp 1", "udp 53"]}
READ = {
    "actions": ["s3:GetObject", "s3:ListBucket"],
    "resource": "arn:aws:s3:::readings",
    "escalates": False,
}
PASS = {"actions": ["iam:PassRole"], "resource": "*", "escalates": True}
ROLE = {"effect": "Allow", "principal": "Role", "permissions": [READ]}
DENIED = {**ROLE, "effect": "Deny"}
WITHOUT_TLS = {**DENIED, "conditions": [{"Bool": {"aws:SecureTransport": ["false"]}}]}
ESCALATING = {**ROLE, "permissions": [PASS] * 4 + [READ] * 2}
ANYONE = {"effect": "Allow", "principal": "*", "permissions": [READ] * 5}
CONDITIONS = {"before": [{"Bool": {"aws:SecureTransport": ["true"]}}], "after": [{}]}
QUOTA = {"limited": "VPCs", "default": 5, "before": 4, "after": 6}
COST = {
    "amount": "48.91",
    "resources": ["NatElasticIp1", "NatGateway1"],
    "total_before": "191.04",
    "total_after": "239.95",
}
SCHEME = {
    "properties": ["Scheme"],
    "is_certain": True,
    "before": "internal",
    "after": "internet-facing",
}
TLS = {
    "properties": ["Protocol", "SslPolicy"],
    "is_certain": False,
    "before": {"Protocol": "HTTPS", "SslPolicy": "any"},
    "after": {"Protocol": "HTTP", "SslPolicy": "none"},
}

SAMPLES = [
    ("traffic-opened", EXPOSED, "Database", INTERNET),
    ("traffic-closed", CHANGED, "Cache", SERVICE),
    ("default-security-group", EXPOSED, "Database", {"before": ["Data"]}),
    ("unknown-security-groups", EXPOSED, "Database", {"unknown_groups": ["sg-1"]}),
    ("permission-added", EXPOSED, "Role", ROLE),
    ("permission-added", CHANGED, "Role", DENIED),
    ("permission-added", EXPOSED, "Bucket", ANYONE),
    ("permission-added", CHANGED, "Bucket", WITHOUT_TLS),
    ("permission-added", EXPOSED, "Role", ESCALATING),
    ("permission-removed", CHANGED, "Role", ROLE),
    ("permission-removed", EXPOSED, "Role", DENIED),
    ("permission-conditions-changed", EXPOSED, "Role", {**ROLE, **CONDITIONS}),
    ("permission-conditions-changed", CHANGED, "Role", DENIED),
    (
        "uncompared-policy-statement",
        EXPOSED,
        "Role",
        {"before": '{"Sid": "Any"}', "after": "{}"},
    ),
    ("managed-policy-attached", EXPOSED, "Role", {"policy": "arn:aws:iam::aws:policy/Any"}),
    ("managed-policy-detached", CHANGED, "Role", {"policy": "arn:aws:iam::aws:policy/Any"}),
    ("permissions-boundary-added", CHANGED, "Role", {"before": None, "after": "One"}),
    ("permissions-boundary-changed", EXPOSED, "Role", {"before": "One", "after": "Other"}),
    ("permissions-boundary-removed", EXPOSED, "Role", {"before": "One", "after": None}),
    *((code, EXPOSED, "Thing", SCHEME) for code in EXPOSURE),
    ("weak-tls", EXPOSED, "Listener", TLS),
    ("new-api-method", CHANGED, "Method", {}),
    ("new-api-path", CHANGED, "Path", {}),
    ("new-elastic-ip", CHANGED, "Address", {}),
    ("new-listener-rule", CHANGED, "Rule", {}),
    ("web-acl-removed", EXPOSED, "ApiStage", {"before": "arn"}),
    ("quota-need-increased", CHANGED, "vpcs", {**QUOTA, "exceeds_default": True}),
    ("quota-need-decreased", NOTED, "vpcs", {**QUOTA, "exceeds_default": False}),
    ("monthly-cost-increased", CHANGED, "cost", COST),
    ("monthly-cost-decreased", CHANGED, "cost", {"amount": "1.00", "resources": ["NatGateway1"]}),
    ("monthly-cost-decreased", CHANGED, "cost", {**COST, "estimated": ["Database"]}),
    ("not-priced", NOTED, "Database", {"region": "eu-west-1", "after": "db.x2g.large postgres"}),
    ("not-assessed", Severity.WARNING, "AWS::Glue::Job", {"resources": ["Job", "Other"]}),
    ("unpriced-region", NOTED, "cost", {"region": "eu-west-1", "regions": ["us-east-1"]}),
]


def test_every_code_has_a_sample():
    assert {code for code, *_ in SAMPLES} == ACCESS_WORDINGS.keys()


def test_wordings_are_as_in_the_golden_file():
    findings = [Finding(*sample) for sample in SAMPLES]
    text = "".join(
        f"{finding.code}\n  {sentence(finding, TERMINAL)}\n  {sentence(finding, MARKDOWN)}\n"
        for finding in findings
    )
    compare_with_golden("access-wordings.txt", text)
