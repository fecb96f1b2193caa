"""Properties of every template in `TEMPLATES`."""

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import ENVIRONMENTS, ROOT, run
from iot_pipeline_cfn.review.policy_documents import policy_documents
from iot_pipeline_cfn.stack import render_all
from iot_pipeline_cfn.template.parameters import ParameterSet
from iot_pipeline_cfn.template.references import references
from resolution import explicit_dependencies, of_type, resolve
from schemas import tag_property

OPTIONAL = ENVIRONMENTS["most"]

TOGETHER = (
    {"AvailabilityZone1", "AvailabilityZone2"},
    {"CertificateArn", "DomainName"},
    {"ImageTag"},
    {"AlarmEmail"},
)
"""Optional parameters that are given together or not at all."""


@pytest.fixture(scope="module", params=["iot-pipeline", "iot-pipeline-shared", "shared-network"])
def each(templates, request):
    """Each template of environments and networks."""
    return templates[request.param]


@st.composite
def parameters(draw, template):
    """Draw values that the rules of the template accept together."""
    values = {"EnvironmentSuffix": "any"}
    for name, declaration in template["Parameters"].items():
        if "AllowedValues" in declaration:
            values[name] = draw(st.sampled_from(declaration["AllowedValues"]))
    for names in TOGETHER:
        if names <= template["Parameters"].keys() and draw(st.booleans()):
            values |= {name: OPTIONAL[name] for name in names}
    if values.get("NatGateways", "none") != "none" and draw(st.booleans()):
        values["NatElasticIpAllocationId"] = OPTIONAL["NatElasticIpAllocationId"]
    return values


def test_no_rule_of_cfn_lint_is_disabled(each):
    assert "cfn-lint" not in json.dumps(each)


def test_resources_of_ec2_have_names_and_others_no_tags(each):
    """The schemas of AWS define which types take tags. Tags of the stack reach all of them."""
    for name, resource in each["Resources"].items():
        tags = resource["Properties"].get("Tags")
        if resource["Type"].startswith("AWS::EC2::") and tag_property(resource["Type"]):
            value = {"Fn::Sub": f"iot-pipeline-${{EnvironmentSuffix}}/{name}"}
            assert tags == [{"Key": "Name", "Value": value}]
        else:
            assert tags is None, name


def test_every_output_is_described(each):
    for name, output in each["Outputs"].items():
        assert output["Description"].endswith("."), name


def test_every_parameter_is_described_grouped_and_labelled(each):
    interface = each["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(each["Parameters"])
    assert interface["ParameterLabels"].keys() == each["Parameters"].keys()
    for name, declaration in each["Parameters"].items():
        assert declaration["Description"].endswith("."), name


def test_every_parameter_has_a_constraint_with_a_description(each):
    bounds = {"AllowedValues", "AllowedPattern", "MinValue"}
    for name, declaration in each["Parameters"].items():
        assert bounds & declaration.keys(), name
        assert declaration["ConstraintDescription"].endswith("."), name


def test_ephemeral_environment_keeps_nothing(environments):
    for name, environment in environments.items():
        policies = {
            policy
            for resource in environment["Resources"].values()
            for key, policy in resource.items()
            if key in {"DeletionPolicy", "UpdateReplacePolicy"}
        }
        database = environment["Resources"]["Database"]["Properties"]
        if name in {"dev", "least", "small"}:
            assert policies == {"Delete"}
            assert "EnableCloudwatchLogsExports" not in database
        else:
            assert "Snapshot" in policies


def test_no_credential_is_a_parameter_an_output_or_a_literal(each):
    for name, declaration in each["Parameters"].items():
        assert not any(word in name for word in ("Password", "Secret", "Token")), name
        assert "NoEcho" not in declaration
    for name, output in each["Outputs"].items():
        assert "resolve:" not in json.dumps(output), name
        if any(word in name for word in ("Password", "Secret", "Token", "Key")):
            assert name.endswith(("Arn", "Id")), name
    for task in of_type(each, "ECS::TaskDefinition").values():
        for container in task["ContainerDefinitions"]:
            variables = {entry["Name"] for entry in container["Environment"]}
            assert not variables & {entry["Name"] for entry in container["Secrets"]}
            assert "resolve:" not in json.dumps(container)
    for database in of_type(each, "RDS::DBInstance").values():
        assert "MasterUserPassword" not in database


@pytest.mark.slow
@settings(max_examples=50)
@given(data=st.data())
def test_no_choice_of_parameters_leads_to_a_dangling_reference(each, data):
    chosen = data.draw(parameters(each))
    assert not list(ParameterSet(each, chosen).findings())
    environment = resolve(each, chosen)
    known = environment["Resources"].keys()
    for section in environment.values():
        for name, body in section.items():
            assert not {
                reference
                for reference in references(body)
                if reference not in known and not reference.startswith("AWS::")
            }, name
    for resource in environment["Resources"].values():
        assert set(explicit_dependencies(resource)) <= known
        assert all(document["Statement"] for document in policy_documents(resource))


def test_committed_templates_are_as_rendered():
    for name, rendering in render_all().items():
        assert (ROOT / "templates" / f"{name}.json").read_text() == rendering.text


@pytest.mark.slow
def test_rendering_is_the_same_in_every_process():
    """The order of sets, the time and environment variables have no influence."""
    code = (
        "from iot_pipeline_cfn.stack import render_all\n"
        "print([rendering.text for rendering in render_all().values()])"
    )
    texts = set()
    for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("2", "UTC")):
        env = {"PYTHONHASHSEED": seed, "TZ": zone, "ENVIRONMENT_SUFFIX": "pr9"}
        done = run(sys.executable, "-c", code, env=env)
        assert done.returncode == 0, done.stderr
        texts.add(done.stdout)
    assert len(texts) == 1
