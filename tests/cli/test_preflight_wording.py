"""The wording of preflight findings, held by a file with one example of each."""

from pathlib import Path

from golden import compare_with_golden
from iot_pipeline_cfn.cli import preflight_wording
from iot_pipeline_cfn.cli.preflight_wording import finding_lines
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity

GOLDEN = Path(__file__).with_name("golden") / "preflight-findings.txt"

FACTS = {
    "allocation_id": "eipalloc-1",
    "allowed": "1 to 60 letters",
    "actions": ["ec2:CreateVpc", "iam:PassRole"],
    "architecture": "X86_64",
    "arn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/1",
    "built": ["arm64"],
    "critical": 3,
    "domain": "iot.example.com",
    "engine": "postgres",
    "expires": "2030-01-31",
    "files": ["templates/any.json"],
    "failures": {"KmsError": "the key is disabled"},
    "feature": "MultiAZ",
    "instance_class": "db.t4g.micro",
    "name": "a name",
    "names": ["example.com"],
    "needed": 2,
    "newest_tags": [],
    "node_type": "cache.t4g.micro",
    "offering": "VPC links",
    "path": "/Resources/Topic",
    "physical_id": "database-1",
    "policy": "Policy",
    "principal": "arn:aws:iam::123456789012:user/deployer",
    "property": "Name",
    "reason": "the reason",
    "region": "ap-northeast-1",
    "repository": "iot-pipeline-dev",
    "service": "com.amazonaws.ap-northeast-1.logs",
    "services": ["ecs.amazonaws.com", "rds.amazonaws.com"],
    "sold": ["one", "two"],
    "source": "https://docs.aws.amazon.com",
    "stack": "iot-pipeline-old",
    "state": "constrained",
    "status": "PENDING",
    "storage": "gp3",
    "tag": "v1",
    "usable": ["ap-northeast-1a"],
    "user": "iot-pipeline-pr1",
    "version": "16.15",
    "wanted": "us-east-1",
    "zone": "ap-northeast-1d",
    "zone_id": "apne1-az3",
    "zones": ["ap-northeast-1a", "ap-northeast-1c"],
}
REMEDIES = {
    "component": "database",
    "constant": "ENGINE_VERSION",
    "extra": "review",
    "name": "NatGateways",
    "platform": "linux/amd64",
    "quota_code": "L-1",
    "service": "vpc",
    "value": "none",
}
COMMANDS = {"delete-resource", "destroy-environment", "run-command"}


def sentences():
    """Yield a finding for each sentence."""
    for key in preflight_wording.SENTENCES:
        code, _, kind = key.partition("/")
        kinds = {"problem": key} if key == "not-checked" else {"problem": kind} if kind else {}
        yield Finding(code, Severity.ERROR, "Subject", FACTS | kinds)


def remedies():
    """Yield a finding with all remediations."""
    argv = ["iot-pipeline", "destroy", "it's"]
    every = [
        Remediation(action, {"argv": argv} if action in COMMANDS else REMEDIES)
        for action in preflight_wording.REMEDIES
    ]
    every += [
        Remediation("choose-parameter", {"name": "CacheNodeType"}),
        Remediation("choose-parameter", {"name": "CacheNodeType", "values": ["a", "b"]}),
    ]
    yield Finding("names", Severity.WARNING, "Subject", FACTS, remediations=every)


def consumer(stack="", resource="", amount=1, *, idle=False):
    return {"stack": stack, "resource": resource, "amount": amount, "idle": idle}


def quotas():
    """Yield findings about quotas."""
    many = [consumer("iot-pipeline-pr2", amount=2), consumer("iot-pipeline-pr1", "NatElasticIp1")]
    many += [consumer(resource="eipalloc-1", idle=True), consumer(resource="group", amount=3)]
    many += [consumer(resource=f"eipalloc-{number}") for number in range(6)]
    validation = {"name": "SERVICE_QUOTA_EXCEEDED", "path": "", "reason": "5 of 5"}
    for subject, scope, source, consumers, needed in (
        ("elastic-ips", "", "account", many, 2),
        ("nat-gateways", "ap-northeast-1a", "default", [], 1),
        ("fargate-vcpu", "", "assumed", [consumer(resource="running tasks", amount=4.5)], 0.5),
    ):
        details = {
            "needed": needed,
            "used": 4.5,
            "limit": 5,
            "limit_source": source,
            "scope": scope,
            "consumers": consumers,
            "validations": [validation] if source == "account" else [],
        }
        yield Finding(subject, Severity.ERROR, subject, details)


def test_wording():
    findings = [*quotas(), *sentences(), *remedies()]
    lines = [line for finding in findings for line in finding_lines(finding)]
    compare_with_golden(GOLDEN, "".join(f"{line}\n" for line in lines))
