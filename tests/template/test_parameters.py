"""Parameter files, parameters of stacks, and the environment types."""

import json

import pytest

from checkout import ENVIRONMENTS, PARAMETER_FILES
from iot_pipeline_cfn.template.file_rules import RESERVED_TAGS
from iot_pipeline_cfn.template.files import UnreadableFileError
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.parameters import (
    FIXED,
    ParameterSet,
    check_file,
    check_value,
    load,
    load_template,
    shown,
    stack_tags,
)
from resolution import of_type, only

TEXT = {"Type": "String", "AllowedPattern": "^[a-z]*$", "MinLength": 2, "MaxLength": "4"}
NUMBER = {"Type": "Number", "MinValue": 1, "MaxValue": 10}
CHOICE = {"Type": "Number", "AllowedValues": [1, 2]}
ANY = {"EnvironmentSuffix": "any"}
SUFFIX = {"EnvironmentSuffix": {"Type": "String"}}
RESOURCES = {"A": {"Type": "AWS::SNS::Topic"}}


def file_of(tmp_path, content):
    path = tmp_path / "any.json"
    match content:
        case bytes():
            path.write_bytes(content)
        case str():
            path.write_text(content)
        case _:
            path.write_text(json.dumps(content))
    return path


def test_every_environment_type_has_its_file():
    assert {path.stem for path in PARAMETER_FILES} == {"dev", "prod", "staging"}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_committed_file_fits_the_template(template, path):
    assert not list(check_file(template, load(path)))


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_committed_file_repeats_no_default(template, path):
    """The exceptions are decisions that every file shows."""
    made = {"Availability", "DeletionProtection", "Durability", "NatGateways"}
    for name, value in load(path).parameters.items():
        assert name in made or str(template["Parameters"][name]["Default"]) != value, name


def test_pull_request_is_small_and_leaves_nothing_behind(environments):
    environment = environments["small"]
    assert only(environment, "RDS::DBInstance")["MultiAZ"] is False
    assert only(environment, "ElastiCache::ReplicationGroup")["NumCacheClusters"] == 1
    assert not of_type(environment, "EC2::EIP")
    (strategy,) = only(environment, "ECS::Service")["CapacityProviderStrategy"]
    assert strategy["CapacityProvider"] == "FARGATE_SPOT"
    for name in ("Cache", "Database"):
        assert environment["Resources"][name]["DeletionPolicy"] == "Delete"
        assert environment["Resources"][name]["UpdateReplacePolicy"] == "Delete"


def test_production_survives_a_zone_and_keeps_its_data(environments):
    environment = environments["prod"]
    assert only(environment, "RDS::DBInstance")["MultiAZ"] is True
    assert len(of_type(environment, "EC2::NatGateway")) == 2
    assert of_type(environment, "KMS::Key")
    assert of_type(environment, "WAFv2::WebACL")
    assert only(environment, "ApiGateway::Method")["AuthorizationType"] == "AWS_IAM"
    load_balancer = only(environment, "ElasticLoadBalancingV2::LoadBalancer")
    assert load_balancer["Scheme"] == "internal"
    for name in ("Cache", "Database"):
        assert environment["Resources"][name]["DeletionPolicy"] == "Snapshot"
    assert environment["Resources"]["EncryptionKmsKey"]["DeletionPolicy"] == "Retain"


def test_stack_policy_of_production_protects_database_and_cache(template):
    (path,) = (path for path in PARAMETER_FILES if path.stem == "prod")
    allowed, denied = load(path).stack_policy["Statement"]
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "Update:*", "*")
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Delete", "Update:Replace"])
    assert denied["Resource"] == ["LogicalResourceId/Cache", "LogicalResourceId/Database"]
    for name in ("Cache", "Database"):
        assert name in template["Resources"]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("[]", ""),
        ({"Parameter": {}}, "'Parameter'"),
        ({"Bucket": "No"}, "Bucket"),
        ({"Account": "1234"}, "Account"),
        ({"Region": "Tokyo"}, "Region"),
        ({"Network": "another-network"}, "Network"),
        ({"Network": "shared-network2"}, "Network"),
        ({"RoleARN": "deployer"}, "RoleARN"),
        ({"Parameters": {"DesiredCount": 2}}, "Parameters.DesiredCount"),
        ({"Parameters": ["A"]}, "Parameters"),
        ({"Tags": {"Owner": None}}, "Tags.Owner"),
        ({"StackPolicy": []}, "StackPolicy"),
        ({"StackPolicy": {"Statements": [{}]}}, "StackPolicy"),
        ({"StackPolicy": {"Statement": []}}, "StackPolicy"),
        ({"StackPolicy": {"Statement": "x"}}, "StackPolicy"),
        ({"StackPolicy": {"Statement": [{}], "Version": "x"}}, "StackPolicy"),
    ],
)
def test_file_with_the_wrong_format_is_rejected(tmp_path, content, place):
    path = file_of(tmp_path, content)
    with pytest.raises(UnreadableFileError) as raised:
        load(path)
    assert (raised.value.path, raised.value.place) == (path, place)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        "{",
        {"Parameters": []},
        {"Parameters": ANY},
        {"Parameters": {"EnvironmentSuffix": 3}, "Resources": RESOURCES},
        {"Parameters": SUFFIX, "Resources": {}},
        {"Parameters": SUFFIX, "Resources": {"A": {}}},
        {"Parameters": {"Other": {"Type": "String"}}, "Resources": RESOURCES},
    ],
)
def test_file_that_is_not_a_template_is_rejected(tmp_path, content):
    path = file_of(tmp_path, content)
    with pytest.raises(UnreadableFileError) as raised:
        load_template(path)
    assert raised.value.path == path


def test_file_without_sections_sets_nothing(tmp_path):
    file = load(file_of(tmp_path, {}))
    assert (file.parameters, file.tags, file.stack_policy) == ({}, {}, None)


@pytest.mark.parametrize(
    ("declaration", "value", "code"),
    [
        (TEXT, "abc", None),
        (TEXT, "a", "pattern-mismatch"),
        (TEXT, "abcde", "pattern-mismatch"),
        (TEXT, "abc\n", "pattern-mismatch"),
        (TEXT, "٣٣", "pattern-mismatch"),
        ({"Type": "String"}, "a\nb", None),
        ({"Type": "String"}, "é" * 2049, "value-too-long"),
        (NUMBER, "1", None),
        (NUMBER, "10", None),
        (NUMBER, "0", "out-of-range"),
        (NUMBER, "11", "out-of-range"),
        (NUMBER, "ten", "not-a-number"),
        (NUMBER, "nan", "not-a-number"),
        (NUMBER, "1e0", "not-a-number"),
        (NUMBER, " 7", "not-a-number"),
        (NUMBER, "1_0", "not-a-number"),
        (NUMBER, "2.5", None),
        (CHOICE, "2", None),
        (CHOICE, "3", "value-not-allowed"),
    ],
)
def test_value_is_checked_against_each_rule_of_its_parameter(declaration, value, code):
    finding = check_value("Name", declaration, value)
    assert (finding and finding.code) == code
    if finding:
        assert (finding.subject, finding.details["value"]) == ("Name", value)
        assert finding.severity is Severity.ERROR


def test_findings_name_the_rule():
    assert check_value("Name", NUMBER, "0").details == {"value": "0", "minimum": 1, "maximum": 10}
    assert check_value("Name", CHOICE, "0").details == {"value": "0", "allowed": ["1", "2"]}
    assert check_value("Name", TEXT, "0").details["rule"] == TEXT["AllowedPattern"]
    described = TEXT | {"ConstraintDescription": "Two letters."}
    assert check_value("Name", described, "0").details["rule"] == "Two letters."
    assert check_value("Name", TEXT | {"NoEcho": True}, "0").details["value"] == "****"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("missing-parameter", "EnvironmentSuffix")),
        (ANY | {"Colour": "red"}, ("unknown-parameter", "Colour")),
        ({"EnvironmentSuffix": "PR1"}, ("pattern-mismatch", "EnvironmentSuffix")),
        (ANY | {"DesiredCount": "2.5"}, ("not-a-whole-number", "DesiredCount")),
        (ANY | {"ImageTag": "a\nb"}, ("pattern-mismatch", "ImageTag")),
        (ANY | {"DesiredCount": "0"}, ("out-of-range", "DesiredCount")),
        (
            ANY | {"DesiredCount": "9", "MaximumCount": "8"},
            ("desired-count-above-maximum", "DesiredCount"),
        ),
        (ANY | {"AvailabilityZone1": "ap-northeast-1a"}, ("template-rule", "AvailabilityZones")),
        (
            ANY | dict.fromkeys(("AvailabilityZone1", "AvailabilityZone2"), "ap-northeast-1a"),
            ("template-rule", "AvailabilityZones"),
        ),
        (
            ANY | {"CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0a"},
            ("template-rule", "Certificate"),
        ),
        (
            ANY | {"NatGateways": "none", "NatElasticIpAllocationId": "eipalloc-01234567"},
            ("template-rule", "NatElasticIp"),
        ),
    ],
)
def test_template_rejects_invalid_parameters(template, given, expected):
    findings = [*ParameterSet(template, given).findings()]
    assert [(finding.code, finding.subject) for finding in findings] == [expected]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environments_of_the_tests_have_valid_parameters(template, name):
    assert not list(ParameterSet(template, ENVIRONMENTS[name] | ANY).findings())


def test_file_cannot_set_what_the_deployer_and_the_template_set(tmp_path, template):
    tags = {"Environment": "prod", "Owner": "somebody", "aws:x": "", "": ""}
    parameters = {"CurrentCount": "3", "EnvironmentSuffix": "prod"}
    content = {"Parameters": parameters, "Tags": tags}
    path = file_of(tmp_path, content)
    findings = [*check_file(template, load(path))]
    assert [(finding.code, finding.subject) for finding in findings] == [
        ("reserved-parameter", "CurrentCount"),
        ("reserved-parameter", "EnvironmentSuffix"),
        ("invalid-tag", ""),
        ("reserved-tag", "Environment"),
        ("reserved-tag", "aws:x"),
    ]
    assert {finding.details["file"] for finding in findings} == {str(path)}


def test_reserved_tags_are_those_of_the_template_and_of_the_stack(template):
    tags = (
        resource.get("Properties", {}).get("Tags", [])
        for resource in template["Resources"].values()
    )
    keys = {tag["Key"] for found in tags if isinstance(found, list) for tag in found}
    assert keys | stack_tags("any").keys() == RESERVED_TAGS


TEMPLATE = {
    "Parameters": {
        "Given": {"Type": "String"},
        "Kept": {"Type": "String", "Default": "default"},
        "New": {"Type": "Number", "Default": 3},
    }
}


def test_new_stack_gets_given_values_and_defaults():
    """CloudFormation rejects `UsePreviousValue` when it creates a stack."""
    parameters = ParameterSet(TEMPLATE, {"Given": "a"})
    assert parameters.to_send() == {"Given": "a"}
    assert parameters.effective() == {"Given": "a", "Kept": "default", "New": "3"}


def test_update_keeps_the_values_that_are_not_given():
    """A parameter that was removed from the template is dropped, a new one takes its default."""
    parameters = ParameterSet(TEMPLATE, {"Given": "a"}, {"Given": "b", "Kept": "b", "Gone": "b"})
    assert parameters.to_send() == {"Given": "a", "Kept": None}
    assert parameters.effective() == {"Given": "a", "Kept": "b", "New": "3"}


def test_value_that_was_not_given_is_unknown_after_an_update():
    template = {"Parameters": {"Given": {"Type": "String", "Default": "new"}}}
    parameters = ParameterSet(TEMPLATE, {}).updated(template, {})
    assert parameters.effective() == {"Given": None}
    assert not parameters.known()
    assert not list(parameters.findings())


def test_hidden_value_of_a_stack_is_not_checked():
    template = {"Parameters": {"Secret": {"Type": "String", "NoEcho": True, "MinLength": 8}}}
    assert not list(ParameterSet(template, {}, {"Secret": "****"}).findings())
    assert list(ParameterSet(template, {"Secret": "short"}, {"Secret": "****"}).findings())


@pytest.mark.parametrize("name", sorted(FIXED))
def test_fixed_parameter_keeps_its_first_value(name):
    assert not list(ParameterSet({}, {name: "a"}, {name: "a"}).fixed_changes())
    assert not list(ParameterSet({}, {name: "a"}).fixed_changes())
    assert not list(ParameterSet({}, {}, {name: "a"}).fixed_changes())
    assert not list(ParameterSet({}, {name: "a"}, {name: None}).fixed_changes())
    (finding,) = ParameterSet({}, {name: "b"}, {name: "a"}).fixed_changes()
    assert (finding.code, finding.subject) == ("fixed-parameter", name)
    assert finding.details == {"before": "a", "after": "b"}


SECRETS = {
    "Parameters": {
        "EnvironmentSuffix": {"Type": "String"},
        "Secret": {"Type": "String", "NoEcho": True, "AllowedPattern": "[a-z]{8,}"},
        "Zones": {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"], "Default": "a,b"},
        "Sizes": {"Type": "List<Number>", "Default": "1, 2"},
    },
    "Resources": {},
}


def test_secret_need_not_be_in_a_file(tmp_path):
    assert not list(check_file(SECRETS, load(file_of(tmp_path, {}))))
    short = load(file_of(tmp_path, {"Parameters": {"Secret": "short"}}))
    (finding,) = check_file(SECRETS, short)
    assert (finding.code, finding.details["value"]) == ("pattern-mismatch", "****")


def test_secret_that_the_stack_has_is_kept_and_not_shown():
    """CloudFormation describes it as asterisks, which its pattern does not allow."""
    parameters = ParameterSet(SECRETS, {"EnvironmentSuffix": "pr1"}, {"Secret": "****"})
    assert not list(parameters.findings())
    assert parameters.to_send()["Secret"] is None
    given = ParameterSet(SECRETS, {"EnvironmentSuffix": "pr1", "Secret": "correcthorse"})
    assert "correcthorse" not in shown(SECRETS, given.known()).values()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Zones": "b"}, None),
        ({"Zones": "a, b"}, None),
        ({"Zones": "a,c"}, "value-not-allowed"),
        ({"Sizes": "1,x"}, "not-a-number"),
    ],
)
def test_each_item_of_a_list_is_checked(given, code):
    known = {"EnvironmentSuffix": "pr1", "Secret": "correcthorse"}
    found = [each.code for each in ParameterSet(SECRETS, known | given).findings()]
    assert found == ([code] if code else [])
