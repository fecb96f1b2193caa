"""What is added to ministack and corrected in it: each, as long as its release needs it.

The emulator is a process of its own; here, ministack is as it was released.
"""

import pytest
from ministack.services import alb, apigateway_v1, ecs, kms
from ministack.services.cloudformation import changesets, provisioners

from iot_pipeline_cfn.emulator import corrections, recorded
from iot_pipeline_cfn.emulator.control import RECORDED
from iot_pipeline_cfn.emulator.extensions import ADDITIONS
from schemas import schema_of, tag_property

RELEASED = provisioners._RESOURCE_HANDLERS


def create(kind, **properties):
    return RELEASED[kind]["create"]("Any", properties, "any")


@pytest.fixture
def types(template):
    return {resource["Type"] for resource in template["Resources"].values()}


def test_every_type_of_the_template_is_there(types):
    """Either ministack has it or it is added."""
    assert types <= RELEASED.keys() | ADDITIONS.keys()


def test_every_addition_is_needed(types):
    """The template has it, and ministack as released has it not."""
    assert ADDITIONS.keys() <= types - RELEASED.keys()


def test_what_is_only_recorded_is_said():
    """Users are told of each type that no service has."""
    assert RECORDED.keys() == recorded.RESOURCE_TYPES.keys()


@pytest.mark.parametrize("kind", ADDITIONS | corrections.RESOURCE_TYPES)
def test_addition_replaces_what_aws_replaces(kind):
    """Its create-only properties are AWS's, and it has tags where AWS has them."""
    added = (ADDITIONS | corrections.RESOURCE_TYPES)[kind]
    create_only = {path.rpartition("/")[2] for path in schema_of(kind)["createOnlyProperties"]}
    assert set(added.create_only) == create_only
    assert bool(added.tags) == bool(tag_property(kind))


def test_validator_has_to_be_corrected():
    """As released, ministack puts none on the API."""
    api, _ = create("AWS::ApiGateway::RestApi", Name="any")
    create("AWS::ApiGateway::RequestValidator", RestApiId=api)
    assert not apigateway_v1._request_validators.get(api)


def test_alarm_has_to_be_corrected():
    """As released, ministack refuses metric math."""
    with pytest.raises(ValueError, match="Metrics"):
        create("AWS::CloudWatch::Alarm", Metrics=[{"Id": "e1", "Expression": "1"}])


def test_service_has_to_be_corrected():
    """As released, ministack takes no number of tasks from a parameter."""
    ecs._create_cluster({"clusterName": "any"})
    container = {"name": "any", "image": "any"}
    ecs._register_task_definition({"family": "any", "containerDefinitions": [container]})
    with pytest.raises(TypeError, match="str"):
        create("AWS::ECS::Service", Cluster="any", TaskDefinition="any", DesiredCount="1")


def test_load_balancer_has_to_be_corrected():
    """As released, ministack deletes it although it is protected."""
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    arn, _ = create(kind, LoadBalancerAttributes=[attribute])
    RELEASED[kind]["delete"](arn, {})
    assert arn not in alb._lbs


def test_key_has_to_be_corrected():
    """As released, ministack fails after its deletion, since the days of waiting are text."""
    key, _ = create("AWS::KMS::Key")
    with pytest.raises(TypeError, match="str"):
        RELEASED["AWS::KMS::Key"]["delete"](key, {"PendingWindowInDays": "7"})
    assert kms._resolve_key(key)["KeyState"] == "PendingDeletion"


def test_database_has_to_be_corrected():
    """As released, ministack makes no secret for its password."""
    _, attributes = create("AWS::RDS::DBInstance", ManageMasterUserPassword=True)
    assert "MasterUserSecret.SecretArn" not in attributes


def test_secret_has_to_be_corrected():
    """As released, ministack refers to it by its name."""
    reference, attributes = create("AWS::SecretsManager::Secret", SecretString="any")
    assert reference != attributes["Arn"]


def test_change_set_has_to_be_corrected():
    """As released, ministack lists what a condition excludes."""
    excluded = {"Type": "AWS::SNS::Topic", "Condition": "Never"}
    template = {"Resources": {"Any": excluded}, "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}
    compared = changesets._resolve_props_for_diff(template, {}, "any", "any")
    assert compared["Resources"].keys() == {"Any"}
