"""Parameter files: what is read, what is refused, and what each kind of environment is."""

import json

import pytest

from checkout import ENVIRONMENTS, PARAMETER_FILES
from iot_pipeline_cfn.template.parameters import (
    FIXED,
    ParameterSet,
    UnreadableFileError,
    broken_rule,
    load,
    load_template,
    parameter_problems,
    problems,
)
from resolution import of_type, only

TEXT = {"Type": "String", "AllowedPattern": "^[a-z]*$", "MinLength": 2, "MaxLength": "4"}
NUMBER = {"Type": "Number", "MinValue": 1, "MaxValue": 10}
CHOICE = {"Type": "Number", "AllowedValues": [1, 2]}


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


def test_every_kind_of_environment_has_its_file():
    """What `ENV=pr123` is looked up among."""
    assert {path.stem for path in PARAMETER_FILES} == {"dev", "pr", "prod", "staging"}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_committed_file_fits_the_template(template, path):
    """Each parameter is known, allowed, and given where it has no default."""
    assert not list(problems(template, load(path)))


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda path: path.stem)
def test_committed_file_says_nothing_that_is_the_default_anyway(template, path):
    """But for the choices that a reader wants to see made, and what is to come back when lifted."""
    made = {"Availability", "DeletionProtection", "Durability", "NatGateways"}
    for name, value in load(path).parameters.items():
        assert name in made or str(template["Parameters"][name]["Default"]) != value, name


def test_pull_request_is_small_and_leaves_nothing(environments):
    """One zone, Spot, no Elastic IP, no snapshot."""
    environment = environments["pr"]
    assert only(environment, "RDS::DBInstance")["MultiAZ"] is False
    assert only(environment, "ElastiCache::ReplicationGroup")["NumCacheClusters"] == 1
    assert not of_type(environment, "EC2::EIP")
    (strategy,) = only(environment, "ECS::Service")["CapacityProviderStrategy"]
    assert strategy["CapacityProvider"] == "FARGATE_SPOT"
    for name in ("Cache", "Database"):
        assert environment["Resources"][name]["DeletionPolicy"] == "Delete"
        assert environment["Resources"][name]["UpdateReplacePolicy"] == "Delete"


def test_production_survives_a_zone_and_keeps_its_data(environments):
    """Two of everything, a customer key, no way past the API."""
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
    assert environment["Resources"]["EncryptionKmsKey"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_stack_policy_of_production_guards_the_data(template):
    """Nobody replaces or deletes database or cache without lifting the policy first."""
    (path,) = (path for path in PARAMETER_FILES if path.stem == "prod")
    allowed, denied = load(path).stack_policy["Statement"]
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "Update:*", "*")
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Delete", "Update:Replace"])
    assert denied["Resource"] == ["LogicalResourceId/Cache", "LogicalResourceId/Database"]
    for name in ("Cache", "Database"):
        assert name in template["Resources"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ('{"Parameters": {"A": "1", "A": "2"}}', "'A' is there twice"),
        ("[]", "must be an object"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not JSON"),
        ('{"Parameters": {"ImageTag": "\\ud800"}}', "not JSON"),
        ({"Parameter": {}}, "nothing but Bucket, Parameters, StackPolicy, Tags"),
        ({"Parameters": {"DesiredCount": 2}}, "Parameters must be an object whose values"),
        ({"Parameters": ["A"]}, "Parameters must be an object"),
        ({"Tags": {"Owner": None}}, "Tags must be an object"),
        ({"StackPolicy": []}, "StackPolicy must be"),
        ({"StackPolicy": {"Statements": [{}]}}, "StackPolicy must be"),
        ({"StackPolicy": {"Statement": []}}, "StackPolicy must be"),
        ({"StackPolicy": {"Statement": "x"}}, "StackPolicy must be"),
        ({"StackPolicy": {"Statement": [{}], "Version": "x"}}, "StackPolicy must be"),
    ],
)
def test_file_that_has_not_the_format_is_refused(tmp_path, content, message):
    """With the file, the place and the rule."""
    path = file_of(tmp_path, content)
    with pytest.raises(UnreadableFileError, match=message) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [{}, {"Parameters": []}, []])
def test_what_is_no_template_is_refused(tmp_path, content):
    """Better than the message that every parameter is unknown."""
    with pytest.raises(UnreadableFileError, match=r"must be an object|is not a template"):
        load_template(file_of(tmp_path, content))


def test_file_without_sections_sets_nothing(tmp_path):
    """All of the template's defaults."""
    file = load(file_of(tmp_path, {}))
    assert (file.parameters, file.tags, file.stack_policy) == ({}, {}, None)


@pytest.mark.parametrize(
    ("declaration", "value", "rule"),
    [
        (TEXT, "abc", None),
        (TEXT, "a", "is not allowed"),
        (TEXT, "abcde", "is not allowed"),
        (TEXT, "abc\n", "is not allowed"),
        (TEXT, "٣٣", "is not allowed"),
        (TEXT | {"ConstraintDescription": "Two letters."}, "", "is not allowed: Two letters."),
        ({"Type": "String"}, "a\nb", None),
        ({"Type": "String"}, "é" * 2049, "is longer than 4096 bytes"),
        (NUMBER, "1", None),
        (NUMBER, "10", None),
        (NUMBER, "0", "is not from 1 to 10"),
        (NUMBER, "11", "is not from 1 to 10"),
        (NUMBER, "ten", "is not a number"),
        (NUMBER, "nan", "is not a number"),
        (NUMBER, "1e0", "is not a number"),
        (NUMBER, " 7", "is not a number"),
        (NUMBER, "1_0", "is not a number"),
        (NUMBER, "2.5", None),
        (CHOICE, "2", None),
        (CHOICE, "3", "is not one of 1, 2"),
    ],
)
def test_value_is_held_against_each_rule_of_its_parameter(declaration, value, rule):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
    found = broken_rule(declaration, value)
    assert found == rule or (rule is not None and found.startswith(rule))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "EnvironmentSuffix: has no default and must be given"),
        ({"Colour": "red"}, "'Colour': no such parameter"),
        ({"EnvironmentSuffix": "PR1"}, "EnvironmentSuffix: 'PR1' is not allowed: 1 to 32"),
        ({"DesiredCount": "2.5"}, "DesiredCount: '2.5' is not a whole number"),
        ({"ImageTag": "a\nb"}, r"ImageTag: 'a\nb' is not allowed"),
        ({"ImageTag": "-" * 500}, f"ImageTag: '{'-' * 60}...' is not allowed"),
        ({"DesiredCount": "0"}, "DesiredCount: '0' is not from 1 to 100"),
        ({"DesiredCount": "9", "MaximumCount": "8"}, "DesiredCount: 9 is more than MaximumCount"),
        ({"AvailabilityZone1": "ap-northeast-1a"}, "AvailabilityZone1 and AvailabilityZone2 are"),
        (
            {"AvailabilityZone1": "ap-northeast-1a", "AvailabilityZone2": "ap-northeast-1a"},
            "AvailabilityZone1 and AvailabilityZone2 are two different zones",
        ),
        (
            {"CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0a"},
            "CertificateArn needs the DomainName",
        ),
        (
            {"NatGateways": "none", "NatElasticIpAllocationId": "eipalloc-01234567"},
            "NatElasticIpAllocationId needs a NAT gateway",
        ),
    ],
)
def test_parameters_that_the_template_refuses(template, given, found):
    """Each parameter by itself, and then those that must fit together."""
    suffix = {} if found.startswith("EnvironmentSuffix: has") else {"EnvironmentSuffix": "any"}
    assert [problem for problem in parameter_problems(template, suffix | given) if found in problem]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_parameters_of_the_tests_are_ones_that_the_template_takes(template, name):
    """No test shows something about an environment that cannot be."""
    given = ENVIRONMENTS[name] | {"EnvironmentSuffix": "any"}
    assert not list(parameter_problems(template, given))


def test_file_may_set_neither_the_suffix_nor_the_template_s_own_tags(tmp_path, template):
    """Both would make one environment look like another."""
    tags = {"Environment": "prod", "Owner": "somebody", "aws:x": "", "": ""}
    content = {"Parameters": {"EnvironmentSuffix": "prod"}, "Tags": tags}
    found = list(problems(template, load(file_of(tmp_path, content))))
    suffix, empty, environment, aws = (problem.partition(": ")[2] for problem in found)
    assert suffix == "EnvironmentSuffix: is the environment's name, not a file's to set"
    assert environment == "tag Environment: is the template's to set"
    assert empty.startswith("tag '': a key has 1 to 128 characters")
    assert aws.startswith("tag 'aws:x': a key")


DECLARED = {
    "Given": {"Type": "String"},
    "Kept": {"Type": "String", "Default": "default"},
    "New": {"Type": "Number", "Default": 3},
}


def test_new_stack_gets_given_values_and_defaults():
    """CloudFormation rejects `UsePreviousValue` when it creates a stack."""
    parameters = ParameterSet(DECLARED, {"Given": "a"})
    assert parameters.to_send() == {"Given": "a"}
    assert parameters.effective() == {"Given": "a", "Kept": "default", "New": "3"}


def test_update_keeps_the_values_that_are_not_given():
    """A parameter that was removed from the template is dropped, a new one takes its default."""
    parameters = ParameterSet(DECLARED, {"Given": "a"}, {"Given": "b", "Kept": "b", "Gone": "b"})
    assert parameters.to_send() == {"Given": "a", "Kept": None}
    assert parameters.effective() == {"Given": "a", "Kept": "b", "New": "3"}


def test_value_without_default_is_unknown_unless_given():
    previous = ParameterSet(DECLARED, {}).effective()
    assert previous["Given"] is None
    declared = {"Given": {"Type": "String", "Default": "new"}}
    parameters = ParameterSet(declared, {}, previous)
    assert parameters.effective() == {"Given": None}
    assert parameters.known() == {}


@pytest.mark.parametrize("name", sorted(FIXED))
def test_fixed_parameter_keeps_its_first_value(name):
    assert not ParameterSet({}, {name: "a"}, {name: "a"}).fixed_changes()
    assert not ParameterSet({}, {name: "a"}).fixed_changes()
    assert not ParameterSet({}, {}, {name: "a"}).fixed_changes()
    assert not ParameterSet({}, {name: "a"}, {name: None}).fixed_changes()
    changed = ParameterSet({}, {name: "b"}, {name: "a"})
    assert changed.fixed_changes() == {name: ("a", "b")}
