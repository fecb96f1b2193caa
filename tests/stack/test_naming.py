"""Names: every suffix that the template accepts leads to names that AWS accepts."""

import re

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from troposphere import Parameter

from checkout import ENVIRONMENTS
from iot_pipeline_cfn.deploy.preflight.names import NAME_RULES
from iot_pipeline_cfn.stack.naming import SUFFIX_MAX_LENGTH, SUFFIX_PATTERN, environment_name
from iot_pipeline_cfn.template.parameters import check_value
from resolution import resolve
from schemas import schema_of

SUFFIX = Parameter("EnvironmentSuffix", Type="String")
SUFFIXES = st.from_regex(SUFFIX_PATTERN, fullmatch=True).filter(
    lambda suffix: len(suffix) <= SUFFIX_MAX_LENGTH
)
UNUSUAL_SUFFIXES = [
    "a",
    "a" * SUFFIX_MAX_LENGTH,
    "a" + "-0" * ((SUFFIX_MAX_LENGTH - 1) // 2) + "0",
    "internal",
    "sg-1",
    "aws-iot",
    "pr-abc123",  # Ends like a name with the six characters of Secrets Manager.
    "x-000000",
]

CALLS = {
    ("AWS::ApiGateway::RestApi", "Name"): ("apigateway", "CreateRestApi", "name"),
    ("AWS::ApiGatewayV2::VpcLink", "Name"): ("apigatewayv2", "CreateVpcLink", "Name"),
    ("AWS::CloudWatch::Alarm", "AlarmName"): ("cloudwatch", "PutMetricAlarm", "AlarmName"),
    ("AWS::CloudWatch::Dashboard", "DashboardName"): (
        "cloudwatch",
        "PutDashboard",
        "DashboardName",
    ),
    ("AWS::ECR::Repository", "RepositoryName"): ("ecr", "CreateRepository", "repositoryName"),
    ("AWS::ECS::Cluster", "ClusterName"): ("ecs", "CreateCluster", "clusterName"),
    ("AWS::ECS::TaskDefinition", "Family"): ("ecs", "RegisterTaskDefinition", "family"),
    ("AWS::KMS::Alias", "AliasName"): ("kms", "CreateAlias", "AliasName"),
    ("AWS::Logs::DeliveryDestination", "Name"): ("logs", "PutDeliveryDestination", "name"),
    ("AWS::Logs::DeliverySource", "Name"): ("logs", "PutDeliverySource", "name"),
    ("AWS::Logs::LogGroup", "LogGroupName"): ("logs", "CreateLogGroup", "logGroupName"),
}
"""Service, operation and member in botocore of each name."""


def names(template, suffix):
    """Return every name in the template, with its resource type and property."""
    resources = resolve(template, ENVIRONMENTS["most"] | {"EnvironmentSuffix": suffix})["Resources"]
    return {
        ((resource["Type"], key), value)
        for resource in resources.values()
        for key, value in resource["Properties"].items()
        if isinstance(value, str) and f"iot-pipeline-{suffix}" in value
    }


@pytest.fixture(scope="session")
def shapes():
    session = botocore.session.get_session()
    return {
        name: session.get_service_model(service)
        .operation_model(operation)
        .input_shape.members[member]
        for name, (service, operation, member) in CALLS.items()
    }


def check_names(template, shapes, suffix):
    found = names(template, suffix)
    assert {kind for kind, _ in found} == NAME_RULES.keys() == CALLS.keys()
    for kind, name in found:
        rules = shapes[kind].metadata
        assert rules.get("min", 0) <= len(name) <= rules.get("max", 1024), (kind, name)
        if "pattern" in rules:
            # Patterns in botocore have Java's syntax.
            pattern = rules["pattern"].replace(r"\p{L}\p{Z}\p{N}", r"\w\s")
            assert re.fullmatch(pattern, name), (kind, name)
        assert re.fullmatch(NAME_RULES[kind].pattern, name), (kind, name)


@pytest.mark.parametrize("suffix", UNUSUAL_SUFFIXES)
def test_aws_accepts_the_names_of_an_unusual_suffix(template, shapes, suffix):
    declaration = template["Parameters"]["EnvironmentSuffix"]
    assert check_value("EnvironmentSuffix", declaration, suffix) is None
    check_names(template, shapes, suffix)


@given(suffix=SUFFIXES)
def test_aws_accepts_the_names_of_any_suffix(template, shapes, suffix):
    check_names(template, shapes, suffix)


@pytest.fixture(scope="session")
def taken(templates):
    """A function that returns the types and names of all that the stacks of a suffix name."""
    reduced = [
        templates[form] | {"Resources": {**_named(templates[form]["Resources"])}}
        for form in ("iot-pipeline", "iot-pipeline-shared", "shared-network")
    ]

    def taken_by(suffix):
        given = {"AWS::StackName": f"iot-pipeline-{suffix}", "EnvironmentSuffix": suffix}
        return {
            (resource["Type"], *resource["Properties"].values())
            for template in reduced
            for resource in resolve(template, ENVIRONMENTS["most"] | given)["Resources"].values()
        }

    return taken_by


def _named(resources):
    """Return the resources that a property identifies, with nothing but that property."""
    found = {}
    for logical_id, resource in resources.items():
        kind = resource["Type"]
        keys = {key for resource_type, key in CALLS if resource_type == kind}
        identifier = schema_of(kind)["primaryIdentifier"]
        if not keys and len(identifier) == 1:
            keys = {identifier[0].rpartition("/")[2]}
        if named := {key: resource["Properties"][key] for key in keys & {*resource["Properties"]}}:
            found[logical_id] = {"Type": kind, "Properties": named}
    return found


@settings(max_examples=30)
@given(
    st.sets(
        st.lists(st.sampled_from(["api", "connections", "pr", "pr1", "shared", "x0"]), min_size=1)
        .map("-".join)
        .filter(lambda suffix: len(suffix) <= SUFFIX_MAX_LENGTH)
        | SUFFIXES,
        min_size=2,
        max_size=6,
    )
)
def test_no_two_stacks_name_the_same_thing(taken, suffixes):
    """One suffix can begin with another, such as `pr` and `pr-api`, with or without own network."""
    found = [taken(suffix) for suffix in suffixes]
    assert all(len(names) >= len(CALLS) for names in found)
    assert len(set().union(*found)) == sum(map(len, found))


@given(suffix=SUFFIXES)
def test_cloudformation_accepts_the_stack_name(suffix):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
    assert re.fullmatch(r"[A-Za-z][-A-Za-z0-9]{0,127}", f"iot-pipeline-{suffix}")


@pytest.mark.parametrize(
    "suffix",
    ["", "PR123", "1", "-a", "a-", "a--b", "a_b", "a.b", "a b", "ä", "a\n", "a" * 33, "pr/1"],
)
def test_invalid_suffix_is_refused_with_the_rule_in_words(template, suffix):
    declaration = template["Parameters"]["EnvironmentSuffix"]
    finding = check_value("EnvironmentSuffix", declaration, suffix)
    assert finding.code == "pattern-mismatch"
    assert finding.details["rule"] == declaration["ConstraintDescription"]


@pytest.mark.parametrize("ending", ["-api", "api", "0"])
def test_ending_that_could_belong_to_another_suffix_is_refused(ending):
    with pytest.raises(ValueError, match="another environment's suffix"):
        environment_name(SUFFIX, ending=ending)


def test_environment_name_is_prefix_project_suffix_and_ending():
    name = environment_name(SUFFIX, prefix="/ecs/", ending="/Errors")
    assert name.to_dict() == {"Fn::Sub": "/ecs/iot-pipeline-${EnvironmentSuffix}/Errors"}
