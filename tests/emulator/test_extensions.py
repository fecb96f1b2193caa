"""What is added to ministack and corrected in it: each, as long as its release needs it.

The emulator is a process of its own; here, ministack is as it was released.
"""

import asyncio
import inspect
import json
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from ministack.core import responses
from ministack.services import alb, apigateway_v1, cloudformation, ec2, ecs, kms, rds
from ministack.services.cloudformation import changesets, provisioners

from deploying import topic
from iot_pipeline_cfn.emulator import corrections, recorded
from iot_pipeline_cfn.emulator.control import RECORDED
from iot_pipeline_cfn.emulator.extensions import ADDITIONS
from iot_pipeline_cfn.template.schemas import schema_of
from schemas import tag_property

RELEASED = provisioners._RESOURCE_HANDLERS


def create(kind, **properties):
    return RELEASED[kind]["create"]("Any", properties, "any")


def ask(action, **request):
    """Ask CloudFormation, as released, and return its answer when all is done."""

    async def answer():
        body = urlencode({"Action": action, **request}).encode()
        status, _, content = await cloudformation.handle_request("POST", "/", {}, body, {})
        assert status == HTTPStatus.OK, content
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        return content.decode()

    return asyncio.run(answer())


def small(**sections):
    return json.dumps({"Resources": {"Topic": topic()}, **sections})


@pytest.fixture
def stack():
    """The name of a stack that is there, and gone afterwards."""
    ask("CreateStack", StackName="any", TemplateBody=small())
    yield "any"
    ask("DeleteStack", StackName="any")


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


def test_api_has_to_be_corrected():
    """As released, ministack does not know the types of its endpoint by CloudFormation's name."""
    api, _ = create("AWS::ApiGateway::RestApi", EndpointConfiguration={"Types": ["REGIONAL"]})
    _, _, content = apigateway_v1._get_rest_api(api)
    assert "types" not in json.loads(content)["endpointConfiguration"]


def test_endpoint_has_to_be_corrected():
    """As released, ministack tells neither of its private DNS nor of its security groups."""
    endpoint, _ = create("AWS::EC2::VPCEndpoint", PrivateDnsEnabled=True, SecurityGroupIds=["sg-0"])
    described = ec2._vpce_fields_xml(ec2._vpc_endpoints[endpoint])
    assert "privateDnsEnabled" not in described
    assert "sg-0" not in described


def test_nat_gateway_has_to_be_corrected():
    """As released, ministack does not tell of its address."""
    ec2._create_nat_gateway({"SubnetId": "subnet-0", "AllocationId": "eipalloc-0"})
    _, _, content = ec2._describe_nat_gateways({})
    assert b"subnet-0" in content
    assert b"eipalloc-0" not in content


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


def test_rotation_has_to_be_corrected():
    """As released, ministack leaves the password as it is."""
    reference, _ = create("AWS::RDS::DBInstance", MasterUserPassword="first-one")
    request = {"DBInstanceIdentifier": reference, "RotateMasterUserPassword": "true"}
    rds._ACTION_MAP["ModifyDBInstance"](request | {"ApplyImmediately": "true"})
    assert rds._instances[reference]["_MasterUserPassword"] == "first-one"


def test_secrets_of_a_container_have_to_be_kept():
    """As released, ministack loses them."""
    container = {"Name": "any", "Secrets": [{"Name": "SECRET", "ValueFrom": "any"}]}
    (kept,) = provisioners._normalize_container_defs([container])
    assert kept["secrets"] != [{"name": "SECRET", "valueFrom": "any"}]


def test_method_has_to_be_corrected():
    """As released, ministack forgets its validator."""
    api, attributes = create("AWS::ApiGateway::RestApi", Name="any")
    root = attributes["RootResourceId"]
    create(
        "AWS::ApiGateway::Method",
        RestApiId=api,
        ResourceId=root,
        HttpMethod="POST",
        RequestValidatorId="any",
    )
    method = apigateway_v1._resources[api][root]["resourceMethods"]["POST"]
    assert method["requestValidatorId"] != "any"


def test_load_balancer_has_to_be_found():
    """As released, ministack finds none of another account, and no API either."""
    responses._request_account_id.set("111111111111")
    arn, _ = create("AWS::ElasticLoadBalancingV2::LoadBalancer")
    api, _ = create("AWS::ApiGateway::RestApi", Name="any")
    name = alb._lbs[arn]["DNSName"]
    assert alb.find_lb_for_host(name)
    assert apigateway_v1.find_api_scope(api)
    responses._request_account_id.set("222222222222")
    assert not alb.find_lb_for_host(name)
    assert not apigateway_v1.find_api_scope(api)


def test_errors_of_integrations_have_to_be_read():
    """As released, ministack leaves that to the loop that may have to send them."""
    unread = inspect.getsource(apigateway_v1._invoke_http_proxy_v1)
    assert "return e.code, " in unread
    assert "e.read()" in unread


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


@pytest.mark.parametrize("section", ["Conditions", "Outputs", "Resources"])
def test_references_have_to_be_checked(section):
    """As released, ministack takes one that leads nowhere."""
    nowhere = {"Ref": "Nowhere"}
    parts = {
        "Conditions": {"Any": {"Fn::Equals": [nowhere, "any"]}},
        "Outputs": {"Any": {"Value": nowhere}},
        "Resources": {"Any": topic(DisplayName=nowhere)},
    }
    ask("ValidateTemplate", TemplateBody=small(**{section: parts[section]}))


def test_stack_under_review_has_to_be_kept():
    """As released, ministack replaces it when it gets another change set."""
    request = {"StackName": "reviewed", "TemplateBody": small(), "ChangeSetType": "CREATE"}
    ask("CreateChangeSet", ChangeSetName="first", **request)
    before = cloudformation._stacks["reviewed"]["StackId"]
    ask("CreateChangeSet", ChangeSetName="second", **request)
    assert cloudformation._stacks["reviewed"]["StackId"] != before


def test_arn_of_a_stack_has_to_be_taken(stack):
    """As released, ministack lists no change set by it."""
    ask("CreateChangeSet", StackName=stack, ChangeSetName="any", TemplateBody=small())
    arn = cloudformation._stacks[stack]["StackId"]
    assert "<ChangeSetId>" in ask("ListChangeSets", StackName=stack)
    assert "<ChangeSetId>" not in ask("ListChangeSets", StackName=arn)


def test_outputs_have_to_be_heeded(stack):
    """As released, ministack finds no change in a change of outputs."""
    body = small(Outputs={"Any": {"Value": "any"}})
    ask("CreateChangeSet", StackName=stack, ChangeSetName="any", TemplateBody=body)
    described = ask("DescribeChangeSet", StackName=stack, ChangeSetName="any")
    assert "contain changes" in described


def test_events_of_what_stays_have_to_be_left_out(stack):
    """As released, ministack tells of an update of each resource."""
    ask("UpdateStack", StackName=stack, TemplateBody=small(Outputs={"Any": {"Value": "any"}}))
    events = cloudformation._stack_events[cloudformation._stacks[stack]["StackId"]]
    told = [(each["LogicalResourceId"], each["ResourceStatus"]) for each in events]
    assert ("Topic", "UPDATE_COMPLETE") in told
