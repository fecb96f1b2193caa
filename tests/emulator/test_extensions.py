"""Additions and patches: each test fails when a newer release of ministack no longer needs one.

The emulator is a process of its own; in this process, ministack is as it was released.
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
from iot_pipeline_cfn.emulator.added_types import REPLACED
from iot_pipeline_cfn.emulator.control import RECORDED
from iot_pipeline_cfn.emulator.extensions import ADDED
from iot_pipeline_cfn.template.schemas import schema_of
from schemas import tag_property

RELEASED = provisioners._RESOURCE_HANDLERS


def create(kind, **properties):
    return RELEASED[kind]["create"]("Any", properties, "any")


def ask(action, **request):
    """Send CloudFormation a request and return its answer when all tasks are done."""

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
    """The name of a stack, which is deleted after the test."""
    ask("CreateStack", StackName="any", TemplateBody=small())
    yield "any"
    ask("DeleteStack", StackName="any")


@pytest.fixture
def types(templates):
    return {
        resource["Type"]
        for template in templates.values()
        for resource in template["Resources"].values()
    }


def test_every_resource_type_of_the_templates_exists(types):
    assert types <= RELEASED.keys() | ADDED.keys()


def test_every_addition_is_needed(types):
    assert ADDED.keys() <= types - RELEASED.keys()


def test_recorded_types_are_added_types():
    assert RECORDED.keys() <= ADDED.keys()


@pytest.mark.parametrize("kind", ADDED | REPLACED)
def test_addition_has_the_create_only_properties_and_tags_of_its_schema(kind):
    added = (ADDED | REPLACED)[kind]
    create_only = {path.rpartition("/")[2] for path in schema_of(kind)["createOnlyProperties"]}
    assert set(added.create_only) == create_only
    assert bool(added.tags) == bool(tag_property(kind))


def test_released_validator_is_not_on_the_api():
    api, _ = create("AWS::ApiGateway::RestApi", Name="any")
    create("AWS::ApiGateway::RequestValidator", RestApiId=api)
    assert not apigateway_v1._request_validators.get(api)


def test_released_alarm_refuses_expressions():
    with pytest.raises(ValueError, match="Metrics"):
        create("AWS::CloudWatch::Alarm", Metrics=[{"Id": "e1", "Expression": "1"}])


def test_released_service_fails_with_a_number_of_tasks_from_a_parameter():
    ecs._create_cluster({"clusterName": "any"})
    container = {"name": "any", "image": "any"}
    ecs._register_task_definition({"family": "any", "containerDefinitions": [container]})
    with pytest.raises(TypeError, match="str"):
        create("AWS::ECS::Service", Cluster="any", TaskDefinition="any", DesiredCount="1")


def test_released_api_ignores_its_endpoint_types():
    api, _ = create("AWS::ApiGateway::RestApi", EndpointConfiguration={"Types": ["REGIONAL"]})
    _, _, content = apigateway_v1._get_rest_api(api)
    assert "types" not in json.loads(content)["endpointConfiguration"]


def test_released_endpoint_describes_neither_private_dns_nor_security_groups():
    endpoint, _ = create("AWS::EC2::VPCEndpoint", PrivateDnsEnabled=True, SecurityGroupIds=["sg-0"])
    described = ec2._vpce_fields_xml(ec2._vpc_endpoints[endpoint])
    assert "privateDnsEnabled" not in described
    assert "sg-0" not in described


def test_released_nat_gateway_does_not_describe_its_address():
    ec2._create_nat_gateway({"SubnetId": "subnet-0", "AllocationId": "eipalloc-0"})
    _, _, content = ec2._describe_nat_gateways({})
    assert b"subnet-0" in content
    assert b"eipalloc-0" not in content


def test_released_load_balancer_is_deleted_though_it_is_protected():
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    arn, _ = create(kind, LoadBalancerAttributes=[attribute])
    RELEASED[kind]["delete"](arn, {})
    assert arn not in alb._lbs


def test_released_key_fails_with_a_waiting_period_from_a_parameter():
    key, _ = create("AWS::KMS::Key")
    with pytest.raises(TypeError, match="str"):
        RELEASED["AWS::KMS::Key"]["delete"](key, {"PendingWindowInDays": "7"})
    assert kms._resolve_key(key)["KeyState"] == "PendingDeletion"


def test_released_database_has_no_managed_secret():
    _, attributes = create("AWS::RDS::DBInstance", ManageMasterUserPassword=True)
    assert "MasterUserSecret.SecretArn" not in attributes


def test_released_database_does_not_rotate_its_password():
    reference, _ = create("AWS::RDS::DBInstance", MasterUserPassword="first-one")
    request = {"DBInstanceIdentifier": reference, "RotateMasterUserPassword": "true"}
    rds._ACTION_MAP["ModifyDBInstance"](request | {"ApplyImmediately": "true"})
    assert rds._instances[reference]["_MasterUserPassword"] == "first-one"


def test_released_container_loses_its_secrets_and_dependencies():
    dependency = {"Condition": "SUCCESS", "ContainerName": "other"}
    secret = {"Name": "SECRET", "ValueFrom": "any"}
    container = {"Name": "any", "DependsOn": [dependency], "Secrets": [secret]}
    (kept,) = provisioners._normalize_container_defs([container])
    assert kept["dependsOn"] == [dependency]
    assert kept["secrets"] != [{"name": "SECRET", "valueFrom": "any"}]


def test_released_method_forgets_its_validator():
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


def test_released_lookups_stay_in_the_account_of_the_caller():
    responses._request_account_id.set("111111111111")
    arn, _ = create("AWS::ElasticLoadBalancingV2::LoadBalancer")
    api, _ = create("AWS::ApiGateway::RestApi", Name="any")
    name = alb._lbs[arn]["DNSName"]
    assert alb.find_lb_for_host(name)
    assert apigateway_v1.find_api_scope(api)
    responses._request_account_id.set("222222222222")
    assert not alb.find_lb_for_host(name)
    assert not apigateway_v1.find_api_scope(api)


def test_released_api_reads_errors_of_integrations_on_its_event_loop():
    unread = inspect.getsource(apigateway_v1._invoke_http_proxy_v1)
    assert "return e.code, " in unread
    assert "e.read()" in unread


def test_released_secret_is_referred_to_by_its_name():
    reference, attributes = create("AWS::SecretsManager::Secret", SecretString="any")
    assert reference != attributes["Arn"]


def test_released_change_set_lists_resources_that_a_condition_excludes():
    excluded = {"Type": "AWS::SNS::Topic", "Condition": "Never"}
    template = {"Resources": {"Any": excluded}, "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}
    compared = changesets._resolve_props_for_diff(template, {}, "any", "any")
    assert compared["Resources"].keys() == {"Any"}


@pytest.mark.parametrize("section", ["Conditions", "Outputs", "Resources"])
def test_released_template_check_accepts_dangling_references(section):
    nowhere = {"Ref": "Nowhere"}
    parts = {
        "Conditions": {"Any": {"Fn::Equals": [nowhere, "any"]}},
        "Outputs": {"Any": {"Value": nowhere}},
        "Resources": {"Any": topic(DisplayName=nowhere)},
    }
    ask("ValidateTemplate", TemplateBody=small(**{section: parts[section]}))


def test_released_stack_under_review_is_replaced_by_the_next_change_set():
    request = {"StackName": "reviewed", "TemplateBody": small(), "ChangeSetType": "CREATE"}
    ask("CreateChangeSet", ChangeSetName="first", **request)
    before = cloudformation._stacks["reviewed"]["StackId"]
    ask("CreateChangeSet", ChangeSetName="second", **request)
    assert cloudformation._stacks["reviewed"]["StackId"] != before


def test_released_change_sets_are_not_listed_by_the_arn_of_their_stack(stack):
    ask("CreateChangeSet", StackName=stack, ChangeSetName="any", TemplateBody=small())
    arn = cloudformation._stacks[stack]["StackId"]
    assert "<ChangeSetId>" in ask("ListChangeSets", StackName=stack)
    assert "<ChangeSetId>" not in ask("ListChangeSets", StackName=arn)


def test_released_change_set_finds_no_change_of_outputs(stack):
    body = small(Outputs={"Any": {"Value": "any"}})
    ask("CreateChangeSet", StackName=stack, ChangeSetName="any", TemplateBody=body)
    described = ask("DescribeChangeSet", StackName=stack, ChangeSetName="any")
    assert "contain changes" in described


def test_released_update_has_events_of_unchanged_resources(stack):
    ask("UpdateStack", StackName=stack, TemplateBody=small(Outputs={"Any": {"Value": "any"}}))
    events = cloudformation._stack_events[cloudformation._stacks[stack]["StackId"]]
    seen = [(each["LogicalResourceId"], each["ResourceStatus"]) for each in events]
    assert ("Topic", "UPDATE_COMPLETE") in seen
