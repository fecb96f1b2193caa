"""The wording and the layout of the reports, held by the files in golden/.

To accept a change of the reports: `UPDATE_GOLDEN=1 .venv/bin/pytest tests/review/test_reports.py`,
and review the difference.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkout import REGION
from documents import documents
from golden import compare_with_golden
from iot_pipeline_cfn.cli.console import json_document
from iot_pipeline_cfn.review.report.headline import STATEMENT_WORDINGS, statement_text
from iot_pipeline_cfn.review.report.json_data import as_data
from iot_pipeline_cfn.review.report.markdown import STYLE as MARKDOWN
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.report.terminal import STYLE as TERMINAL
from iot_pipeline_cfn.review.report.terminal import lines
from iot_pipeline_cfn.review.report.update_wording import UPDATE_WORDINGS
from iot_pipeline_cfn.review.report.wording import sentence
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.statements import Statement
from iot_pipeline_cfn.review.verdict import ResourceOutcome, Scope
from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.parameters import parameter_file

POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "Update:Replace",
            "Principal": "*",
            "Resource": "LogicalResourceId/Database",
        },
    ]
}


def template(**values):
    """Return a small template; the values are those that the change is about."""

    def resource(resource_type, properties, **attributes):
        return {"Type": f"AWS::{resource_type}", "Properties": properties, **attributes}

    def given(key, default):
        return values.get(key, default)

    deployment = given("deployment", "Deployment1")
    return {
        "Parameters": {
            "Version": {"Type": "String", "Default": "16.4"},
            "Zones": {"Type": "Number", "Default": "1", "MaxValue": given("zones", "3")},
        },
        "Resources": {
            "Vpc": resource("EC2::VPC", {"CidrBlock": given("range", "10.0.0.0/16")}),
            "Subnet": resource(
                "EC2::Subnet", {"CidrBlock": "10.0.1.0/24", "VpcId": {"Ref": "Vpc"}}
            ),
            "Database": resource(
                "RDS::DBInstance",
                {
                    "BackupRetentionPeriod": given("backups", 7),
                    "DBName": given("database", "readings"),
                    "EngineVersion": {"Ref": "Version"},
                    "MasterUserPassword": given("password", "first"),
                },
                DeletionPolicy="Snapshot",
                UpdateReplacePolicy="Snapshot",
            ),
            "Api": resource("ApiGateway::RestApi", {"Description": given("api", "`first` *API*")}),
            deployment: resource("ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}}),
            "Stage": resource("ApiGateway::Stage", {"DeploymentId": {"Ref": deployment}}),
            given("topic", "Topic"): resource("SNS::Topic", {"DisplayName": "Alarms"}),
        },
        "Outputs": {"SubnetId": {"Value": {"Ref": "Subnet"}}},
    }


def side(body, **parameters):
    """Return a side with two environment types; prod has a stack policy."""
    dev = {"Template": "example"}
    prod = {**dev, "Parameters": parameters, "StackPolicy": POLICY}
    contents = {"dev": dev, "prod": prod}
    paths = {name: parameter_file(Path(f"{name}.json"), body) for name, body in contents.items()}
    return Side({"example": body}, paths)


BEFORE = template()
NASTY = "a|b `c` <img src=x> @all **bold** [link](x) #1\nsecond ``line`` \x1b[31m"
SCENARIOS = {
    "api": (side(BEFORE), side(template(api=NASTY, deployment="Deployment2"))),
    "cascade": (side(BEFORE), side(template(range="10.1.0.0/16", topic="Alarms"))),
    "database": (side(BEFORE), side(template(database="other", password="second"))),
    "parameters": (side(BEFORE), side(template(backups=1, zones="2"), Version="16.6")),
    "removed": (side(BEFORE), replace(side(BEFORE), files={"dev": side(BEFORE).files["dev"]})),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_reports_are_as_in_the_golden_files(name):
    before, after = SCENARIOS[name]
    reviews = review(before, after, region=REGION)
    data = as_data(reviews)
    compare_with_golden(f"{name}.txt", "\n".join(text for text, _ in lines(reviews)) + "\n")
    compare_with_golden(f"{name}.md", markdown(reviews) + "\n")
    if name == "cascade":
        compare_with_golden(f"{name}.json", json.dumps(data, indent=2) + "\n")
    documents(json.dumps(json_document("review", data)))


def because(*parts):
    keys = ("path", "because_of", "cause_replacement")
    return {"because": [dict(zip(keys, part, strict=True)) for part in parts]}


OWN = because(("CidrBlock", "", "False"))
FOLLOWING = because(("VpcId", "Vpc", "True"), ("Name", "Role", "Conditional"))
DATABASE = {"attribute": "DeletionPolicy", "policy": "Snapshot", "data_outcome": "snapshot"}
VALUES = {"before": "old", "after": "new"}
NAMED = {"identity": {"QueueName": "any", "Scope": {"Ref": "Other"}}}
UNNAMED = {"identity": {}}

SAMPLES = [
    ("data-removed", "Database", DATABASE),
    ("data-replaced", "Database", {**DATABASE, "replacement": "True"}),
    (
        "data-replaced",
        "Database",
        {**DATABASE, "data_outcome": "lost", "replacement": "Conditional"},
    ),
    ("data-policy-weakened", "Database", {**DATABASE, **VALUES}),
    ("data-policy-weakened", "Logs", {"attribute": "UpdateReplacePolicy", "data_outcome": "lost"}),
    ("removed", "Web", {"resource_type": "AWS::EC2::NatGateway", "policy": "Delete"}),
    ("type-changed", "Topic", VALUES),
    ("identity-taken", "Queue", {"holder": "Queue", **NAMED, "replacement": "True"}),
    ("identity-taken", "Queue", {"holder": "Queue", **NAMED, "replacement": "Conditional"}),
    ("identity-taken", "Detector2", {"holder": "Detector", **UNNAMED, "replacement": "False"}),
    ("deleted-with-predecessor", "New", {"holder": "Old", **NAMED, "replacement": "False"}),
    ("storage-reduced", "Database", {"property": "AllocatedStorage", "before": 9, "after": 5}),
    ("immutable-property", "Source", {"property": "ResourceArn"}),
    ("exported-value-changed", "VpcId", {"export": "network-vpc", **VALUES}),
    ("stack-policy-denial", "Database", {"action": "Update:Delete", "replacement": "False"}),
    ("stack-policy-denial", "Database", {"action": "Update:Replace", "replacement": "Conditional"}),
    ("bound-to-vpc", "LoadBalancer", {"subnets": ["A", "B", "C"]}),
    (
        "subnet-outside-vpc",
        "Subnet",
        {"cidr_block": "10.0.0.0/24", "vpc": "Vpc", "vpc_cidr_block": "10.1.0.0/16"},
    ),
    ("engine-downgrade", "Database", {"before": "16.4", "after": "16.2"}),
    ("major-upgrade-not-allowed", "Database", {"before": "16.4", "after": "17.1"}),
    ("parameter-group-family", "Database", {"needed": "postgres17", "family": "postgres16"}),
    ("replaced", "Vpc", {"replacement": "True", **OWN, **VALUES}),
    ("replaced", "Subnet", {"replacement": "Conditional", **FOLLOWING}),
    ("renamed", "Old", {"new_logical_id": "New"}),
    ("revised", "Task", {"replacement": "True", **OWN}),
    ("revised", "Task", {"replacement": "Conditional", **FOLLOWING}),
    ("new-revision", "Deployment2", {"previous_logical_id": "Deployment1"}),
    ("interrupted", "Database", {**OWN, **VALUES}),
    ("export-changed", "VpcId", VALUES),
    ("output-removed", "VpcId", {"before": {"Ref": "Vpc"}, "after": None}),
    ("output-added", "VpcId", {"before": None, "after": {"Ref": "Vpc"}}),
    ("output-changed", "VpcId", VALUES),
    (
        "outputs-follow",
        "",
        {"exported": [], "outputs": ["VpcId", "SubnetIds"], "replacement": "True"},
    ),
    ("outputs-follow", "", {"exported": [], "outputs": ["VpcId"], "replacement": "Conditional"}),
    ("parameter-removed", "Size", {}),
    ("parameter-added", "Size", {"after": ""}),
    ("required-parameter-added", "Size", {}),
    ("default-changed", "Size", VALUES),
    ("default-removed", "Size", {"before": "old", "after": None}),
    ("allowed-values-changed", "Size", {"removed": ["a", "b"], "added": ["c"]}),
    ("parameter-rule-changed", "Size", {"rule": "MaxValue", "before": 1, "after": 2}),
    ("rules-changed", "Rules", {}),
    ("tags-changed", "Tags", {"before": {"Team": "a"}, "after": {"Team": "b"}}),
    ("stack-policy-changed", "StackPolicy", {}),
    ("bucket-changed", "Bucket", VALUES),
    ("environment-type-added", "qa", {"resources": 79}),
    ("environment-type-removed", "qa", {}),
    ("order-changed", "Service", {"before": [], "after": ["Listener"]}),
    ("processing-changed", "Transform", VALUES),
    ("loop-changed", "Fn::ForEach::Buckets", {"section": "Resources"}),
    ("unknown-content", "Network", {"properties": ["Parameters", "TemplateURL"]}),
    ("parameter-read-again", "Image", {"resources": ["Web", "Job"], "replaced": ["Web"]}),
    ("parameter-read-again", "Zone", {"resources": ["Web"], "replaced": []}),
    ("conditional-change", "Database", {"outcome": "replaced", "conditions": ["IsProd"]}),
    ("ineffective", "Conditions", {}),
]


def test_wordings_are_as_in_the_golden_file():
    findings = [
        Finding(code, Severity.NOTE, subject, details, ("Vpc",))
        for code, subject, details in SAMPLES
    ]
    text = "".join(
        f"{finding.code}\n  {sentence(finding, TERMINAL)}\n  {sentence(finding, MARKDOWN)}\n"
        for finding in findings
    )
    compare_with_golden("wordings.txt", text)


PROD, NEW_DEV = Scope("prod", only_new=False), Scope("dev", only_new=True)
COUNTS = ((ResourceOutcome.REMOVED, 1), (ResourceOutcome.MAYBE_REPLACED, 2))
STATEMENTS = [
    Statement("data-loss", ("A", "B", "C", "D", "E"), scopes=(PROD,)),
    Statement("exposure", ("A",), causes=("B",), scopes=(PROD, NEW_DEV)),
    Statement("replacement", ("A", "B"), has_followers=True, is_everywhere=True),
    Statement("interruption", ("A",), scopes=(Scope("", only_new=False),)),
    Statement("rejection", ("A",), scopes=(Scope("", only_new=True),)),
    Statement("less-protection", ("A",)),
    Statement("outputs-removed", ("A",)),
    Statement("environment-added", counts=((ResourceOutcome.ADDED, 79),), scopes=(PROD,)),
    Statement("harmless", counts=COUNTS, is_everywhere=True),
    Statement("new-differs", counts=COUNTS, scopes=(NEW_DEV,)),
    Statement(
        "no-resource-change",
        finding=Finding("rules-changed", Severity.CHANGE, "Rules"),
    ),
    Statement("no-effect"),
    Statement("no-change"),
]


def test_headlines_are_as_in_the_golden_file():
    assert {statement.code for statement in STATEMENTS} == STATEMENT_WORDINGS.keys()
    compare_with_golden("headlines.txt", "".join(f"{statement_text(one)}\n" for one in STATEMENTS))


def test_each_wording_has_a_sample():
    assert {code for code, *_ in SAMPLES} == UPDATE_WORDINGS.keys()
