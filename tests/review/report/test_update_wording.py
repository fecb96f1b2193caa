"""The wording of findings about updates, held by golden/wordings.txt."""

from golden import compare_with_golden
from iot_pipeline_cfn.review.report.markdown import STYLE as MARKDOWN
from iot_pipeline_cfn.review.report.terminal import STYLE as TERMINAL
from iot_pipeline_cfn.review.report.update_wording import UPDATE_WORDINGS
from iot_pipeline_cfn.review.report.wording import sentence
from iot_pipeline_cfn.template.findings import Finding, Severity


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
    ("instances-kept", "Group", {"properties": ["LaunchTemplate"]}),
    ("processed-by-macro", "Transform", {"macros": ["Mine"]}),
    ("loop-changed", "Fn::ForEach::Buckets", {"section": "Resources"}),
    ("unknown-content", "Network", {"properties": ["Parameters", "TemplateURL"]}),
    ("setup-changed", "Web", {"paths": ["Metadata.AWS::CloudFormation::Init"]}),
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


def test_each_wording_has_a_sample():
    assert {code for code, *_ in SAMPLES} == UPDATE_WORDINGS.keys()
