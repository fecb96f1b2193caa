"""The rules find each failure, in the examples of docs/rules.md and in broken templates of ours."""

import json
import re
from copy import deepcopy
from shutil import copytree

import pytest
from cfnlint.config import _DEFAULT_RULESDIR
from cfnlint.decode import decode_str
from cfnlint.rules import RulesCollection
from cfnlint.template import Template

from breaking import definition, properties
from checkout import CFN_LINT, ROOT, run

DIRECTORY = ROOT / "src/iot_pipeline_cfn/rules"
SECTIONS = [
    (identifier, title, body)
    for identifier, title, body in re.findall(
        r"^## (\w+): (.+)\n((?:(?!## ).*\n?)*)", (ROOT / "docs/rules.md").read_text(), re.MULTILINE
    )
]
EXAMPLES = {
    identifier: re.findall(r"```yaml\n(.*?)```", body, re.DOTALL)
    for identifier, _, body in SECTIONS
}


@pytest.fixture(scope="module")
def rules():
    collection = RulesCollection(include_rules=["I"])
    collection.create_from_directory(str(DIRECTORY))
    return collection


@pytest.fixture(scope="module")
def check(rules):
    def check(text):
        """Return the resource and the rule of each finding in a template."""
        template, errors = decode_str(text)
        assert not errors
        found = rules.run(None, Template(None, template, ["ap-northeast-1"]))
        return sorted((match.rule.id, match.path[1]) for match in found)

    return check


def test_every_rule_is_documented(rules):
    for rule in rules:
        (section,) = [each for each in SECTIONS if each[0] == rule.id]
        _, title, body = section
        assert title == rule.shortdesc
        assert " ".join(body.partition("\n```")[0].split()) == rule.description
    assert len(SECTIONS) == len(rules)


def test_no_rule_of_cfn_lint_has_the_identifier_of_one_of_ours(rules):
    rules_of_cfn_lint = RulesCollection()
    rules_of_cfn_lint.create_from_directory(_DEFAULT_RULESDIR)
    assert rules_of_cfn_lint.all_rules
    assert not rules_of_cfn_lint.all_rules.keys() & rules.all_rules.keys()


@pytest.mark.parametrize("identifier", EXAMPLES)
def test_bad_example_is_found_and_good_example_is_not(check, identifier):
    bad, good = EXAMPLES[identifier]
    assert [rule for rule, _ in check(bad)] == [identifier]
    assert check(good) == []


@pytest.mark.slow
def test_directory_works_anywhere(tmp_path):
    """A copy of it needs no package, and cfn-lint refuses an identifier of its own."""
    copytree(DIRECTORY, tmp_path / "rules")
    (tmp_path / "template.yaml").write_text(EXAMPLES["W9002"][0])
    arguments = ("--append-rules", "rules", "--format", "json", "--", "template.yaml")
    found = run(CFN_LINT, *arguments, cwd=tmp_path)
    assert "W9002" in {each["Rule"]["Id"] for each in json.loads(found.stdout)}
    assert not found.stderr


VPC = """
Resources:
  Vpc: {Type: AWS::EC2::VPC}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc}}
"""
TASK = """
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /ecs/app}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions: [{LogConfiguration: {LogDriver: awslogs, Options: {%s}}}]
"""
SERVICE = """
Resources:
  Repository: {Type: AWS::ECR::Repository}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {ContainerDefinitions: [{Image: !Sub '${Repository.RepositoryUri}:v1'}]}
"""
TWO_APIS = """
Parameters: {Kind: {Type: String}}
Conditions: {A: !Equals [!Ref Kind, a], B: !Not [!Equals [!Ref Kind, %s]]}
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api}
  Route: {Type: AWS::ApiGatewayV2::Route, Condition: A, Properties: {ApiId: !Ref Api}}
  Deployment: {Type: AWS::ApiGatewayV2::Deployment, Condition: B, Properties: {ApiId: !Ref Api}}
"""
NAMED = """
Parameters: {%s}
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub '%s'}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The reference of an attachment is the secret's.
        (
            "Resources: {Secret: {Type: AWS::SecretsManager::SecretTargetAttachment}, Rotation: "
            "{Type: AWS::SecretsManager::RotationSchedule, Properties: {SecretId: !Ref Secret}}}",
            [("E9001", "Rotation")],
        ),
        # A partner rotates this secret.
        (
            "Resources: {Secret: {Type: AWS::SecretsManager::Secret, Properties: {Type: Partner}},"
            " Rotation: {Type: AWS::SecretsManager::RotationSchedule, Properties: "
            "{SecretId: !Ref Secret}}}",
            [],
        ),
        (TASK % "awslogs-group: !Join [/, ['', ecs, app]]", []),
        (TASK % "awslogs-group: !Sub '/ecs/${AWS::StackName}'", [("W9002", "Task")]),
        (TASK % "awslogs-group: /ecs/other, awslogs-create-group: 'true'", []),
        (TASK % "awslogs-group: !ImportValue group", []),
        (TASK % "awslogs-group: !Sub ['/${Kind}/app', {Kind: ecs}]", []),
        (TASK % "awslogs-group: !Sub ['/${Kind}/app', {Kind: !ImportValue kind}]", []),
        (TASK % "awslogs-group: !Join ['', [/ecs/, !GetAtt App.Name]]", [("W9002", "Task")]),
        (TASK % "awslogs-group: !Ref Elsewhere", []),
        (
            f"{SERVICE}  Service: {{Type: AWS::ECS::Service, Properties: {{TaskDefinition: "
            "!Ref Task}}",
            [("W9003", "Service")],
        ),
        # Its creation can push an image.
        (
            f"{SERVICE}  Build: {{Type: Custom::Build}}\n  Service: {{Type: AWS::ECS::Service, "
            "DependsOn: Build, Properties: {TaskDefinition: !Ref Task}}",
            [],
        ),
        # No task starts with the template's defaults, or nobody can tell.
        (
            f"Parameters: {{Count: {{Type: Number}}}}\n{SERVICE}  Service: {{Type: "
            "AWS::ECS::Service, Properties: {TaskDefinition: !Ref Task, DesiredCount: !Ref Count}}",
            [],
        ),
        (TWO_APIS % "a", []),
        (TWO_APIS % "b", [("E9005", "Deployment")]),
        # Waiting for the address implies waiting for the attachment.
        (
            f"{VPC}  Address: {{Type: AWS::EC2::EIP, DependsOn: Attachment}}\n  Nat: {{Type: "
            "AWS::EC2::NatGateway, Properties: {SubnetId: !Ref Subnet, AllocationId: "
            "!GetAtt Address.AllocationId}}",
            [],
        ),
        *(
            (
                f"{VPC}  Any: {{Type: 'AWS::{kind}', Properties: {{Any: !Ref Subnet, {given}}}}}",
                [("W9009", "Any")] if found else [],
            )
            for kind, given, found in (
                ("EC2::NatGateway", "ConnectivityType: public", True),
                ("EC2::NatGateway", "ConnectivityType: private", False),
                ("EC2::EIP", "InstanceId: i-0", True),
                ("EC2::EIP", "Domain: vpc", False),
                ("RDS::DBInstance", "PubliclyAccessible: true", True),
                ("RDS::DBInstance", "PubliclyAccessible: false", False),
                ("ElasticLoadBalancingV2::LoadBalancer", "Type: network", True),
                ("ElasticLoadBalancing::LoadBalancer", "Scheme: internet-facing", True),
                ("ElasticLoadBalancingV2::LoadBalancer", "Scheme: internal", False),
            )
        ),
        # The name of a bucket has no capitals, and at most 63 characters.
        *(
            (NAMED % (f"Name: {{Type: String, {given}}}", name), [(found, "Bucket")] * bool(found))
            for given, name, found in (
                ("Default: dev", "app-${Name}", "W9007"),
                ("Default: dev", "${Name}", None),
                ("AllowedValues: [dev, Prod]", "app-${Name}", None),
                ("AllowedPattern: '[a-z]+', MaxLength: 59", "app-${Name}", None),
                ("AllowedPattern: '[a-z]+', MaxLength: 60", "app-${Name}", "W9007"),
                ("AllowedPattern: '[a-z_]+', Default: feature", "app-${Name}", "W9007"),
                ("AllowedPattern: '[a-z-]+', Default: dev", "${Name}-app", "W9007"),
                ("AllowedPattern: '[a-z-]+', Default: dev", "app-${Name}-app", None),
            )
        ),
        # Instances have the support of their cluster, and Oracle has none.
        (
            "Resources: {Cluster: {Type: AWS::RDS::DBCluster, Properties: {Engine: aurora-mysql}},"
            " Instance: {Type: AWS::RDS::DBInstance, Properties: {Engine: aurora-mysql, "
            "DBClusterIdentifier: !Ref Cluster}}, Other: {Type: AWS::RDS::DBInstance, "
            "Properties: {Engine: oracle-ee}}}",
            [("I9015", "Cluster")],
        ),
        # Nobody can tell: the value comes from Systems Manager, or the pattern is not Python's.
        (NAMED % ("Name: {Type: 'AWS::SSM::Parameter::Value<String>'}", "app-${Name}"), []),
        (NAMED % ("Name: {Type: String, AllowedPattern: '[a-z]++('}", "app-${Name}"), []),
        (
            "Parameters: {Stage: {Type: String}}\nResources: {Any: {Type: Custom::Any, Properties: "
            "{Name: any}}}",
            [],
        ),
        # Another stack in the same account has the same name.
        (NAMED % ("Stage: {Type: String}", "app-${AWS::AccountId}"), [("W9006", "Bucket")]),
        (NAMED % ("Stage: {Type: String}", "app-${AWS::StackName}"), []),
        (NAMED % ("Owner: {Type: String}", "app-${AWS::AccountId}"), []),
    ],
)
def test_rules_report_only_what_is_certain(check, text, expected):
    assert check(text) == expected


def changed(name, **changes):
    """Return a breakage that changes properties of a resource; None removes one."""

    def breakage(template):
        kept = properties(template, name) | changes
        template["Resources"][name]["Properties"] = {
            key: value for key, value in kept.items() if value is not None
        }

    return breakage


def without_order(kind):
    """Return a breakage that removes the dependencies of the resources of a type."""

    def breakage(template):
        for resource in template["Resources"].values():
            if resource["Type"] == f"AWS::{kind}":
                resource.pop("DependsOn", None)

    return breakage


def rotate_without_a_function(template):
    schedule = {"SecretId": {"Ref": "IngressSecret"}, "RotationRules": {"Duration": "3h"}}
    template["Resources"]["Schedule"] = {
        "Type": "AWS::SecretsManager::RotationSchedule",
        "Properties": schedule,
    }


def log_to_another_group(template):
    definition(template)["LogConfiguration"]["Options"]["awslogs-group"] = "/ecs/iot-pipeline"


def allow_capitals(template):
    template["Parameters"]["EnvironmentSuffix"]["AllowedPattern"] = "^[A-Za-z][A-Za-z0-9-]*$"


def let_flow_logs_create_groups(template):
    (policy,) = properties(template, "FlowLogRole")["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"].append("logs:CreateLogGroup")


@pytest.mark.parametrize(
    ("breakage", "rule", "found"),
    [
        (rotate_without_a_function, "E9001", {"Schedule"}),
        (log_to_another_group, "W9002", {"TaskDefinition"}),
        (changed("Service", DesiredCount={"Ref": "DesiredCount"}), "W9003", {"Service"}),
        (changed("IngestMethod", Integration=None), "E9004", {"IngestMethod"}),
        (without_order("ApiGateway::Deployment"), "E9005", "AWS::ApiGateway::Deployment"),
        (changed("Cluster", ClusterName="iot-pipeline"), "W9006", {"Cluster"}),
        (allow_capitals, "W9007", {"Repository"}),
        (without_order("ECS::Service"), "E9008", {"Service"}),
        (without_order("EC2::NatGateway"), "W9009", {"NatGateway1", "NatGateway2"}),
        (without_order("EC2::Route"), "W9009", {"PublicDefaultRoute"}),
        (
            without_order("ElasticLoadBalancingV2::LoadBalancer"),
            "W9009",
            {"LoadBalancer"},
        ),
        (lambda template: template["Resources"].pop("EcrDkrEndpoint"), "I9010", {"Service"}),
        (
            changed("LoadBalancerLogGroup", ResourcePolicyDocument=None),
            "I9011",
            {"LoadBalancerLogDestination"},
        ),
        (let_flow_logs_create_groups, "W9012", {"FlowLogRole"}),
        (
            changed("LoadBalancerLogSource", Name={"Ref": "EnvironmentSuffix"}),
            "W9013",
            {"LoadBalancerLogSource"},
        ),
        (changed("Service", ForceNewDeployment=None), "W9014", {"Service"}),
        (changed("Database", EngineLifecycleSupport=None), "I9015", {"Database"}),
    ],
)
def test_failure_is_found_in_our_template(check, template, breakage, rule, found):
    broken = deepcopy(template)
    breakage(broken)
    if isinstance(found, str):
        found = {name for name, each in broken["Resources"].items() if each["Type"] == found}
    assert {*check(json.dumps(broken))} == {(rule, name) for name in found}
