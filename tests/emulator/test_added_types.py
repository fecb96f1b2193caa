"""Resource types that the emulator adds: real wherever ministack has the service."""

import pytest

from checkout import ENVIRONMENTS, REGION
from emulated import (
    STACK,
    STACK_TAGS,
    TAGS,
    created,
    outputs,
    reasons,
    settled,
    small,
    tags,
)


def test_web_acl_is_associated_with_the_stage(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    stage = f"arn:aws:apigateway:{REGION}::/restapis/{outputs(stack)['ApiId']}/stages/prod"
    assert aws("wafv2").get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["Name"]


def test_log_delivery_is_described(aws, deploy):
    stack = deploy(ENVIRONMENTS["prod"])
    logs = aws("logs")
    (source,) = logs.describe_delivery_sources()["deliverySources"]
    (destination,) = logs.describe_delivery_destinations()["deliveryDestinations"]
    (delivery,) = logs.describe_deliveries()["deliveries"]
    assert source["resourceArns"] == [outputs(stack)["LoadBalancerArn"]]
    assert delivery["deliverySourceName"] == source["name"]
    assert delivery["deliveryDestinationArn"] == destination["arn"]
    assert all(each["tags"].keys() >= set(STACK_TAGS) for each in (source, destination, delivery))


def test_change_of_ingress_moves_the_log_delivery_to_the_new_load_balancer(aws, deploy):
    given = ENVIRONMENTS["prod"] | {"DeletionProtection": "disabled"}
    deploy(given)
    stack = deploy(given | {"Ingress": "public"}, "UPDATE")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    (source,) = aws("logs").describe_delivery_sources()["deliverySources"]
    (delivery,) = aws("logs").describe_deliveries()["deliveries"]
    assert source["resourceArns"] == [outputs(stack)["LoadBalancerArn"]]
    assert delivery["deliverySourceName"] == source["name"]


BALANCER = "arn:aws:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:loadbalancer/app/any/0a"


def delivery_source(name="any", arn=BALANCER):
    resource = {"Fn::Sub": arn}
    properties = {"LogType": "ALB_ACCESS_LOGS", "Name": name, "ResourceArn": resource}
    return "AWS::Logs::DeliverySource", properties


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"arn": f"{BALANCER}2"}, "new ResourceId is not allowed"),
        ({"name": "other"}, "already been used in another Delivery Source"),
    ],
)
def test_delivery_source_keeps_its_resource_and_is_the_only_one_for_it(aws, changed, reason):
    cloudformation = aws("cloudformation")
    assert created(cloudformation, Source=delivery_source()) == {}
    cloudformation.update_stack(
        StackName="small", TemplateBody=small(Source=delivery_source(**changed))
    )
    stack = settled(cloudformation, "small")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert reason in reasons(cloudformation, stack)["Source"]


def test_delivery_to_a_log_group_without_a_policy_fails(aws):
    group = {"LogGroupName": "/aws/vendedlogs/any"}
    destination = {"DestinationResourceArn": {"Fn::GetAtt": "Group.Arn"}, "Name": "any"}
    delivery = {
        "DeliveryDestinationArn": {"Fn::GetAtt": "Destination.Arn"},
        "DeliverySourceName": {"Ref": "Source"},
    }
    failed = created(
        aws("cloudformation"),
        Group=("AWS::Logs::LogGroup", group),
        Source=delivery_source(),
        Destination=("AWS::Logs::DeliveryDestination", destination),
        Delivery=("AWS::Logs::Delivery", delivery),
    )
    assert "Access Denied for this Delivery Destination" in failed["Delivery"]


def test_validator_checks_bodies_only(aws, deploy):
    stack = deploy(ENVIRONMENTS["small"])
    (validator,) = aws("apigateway").get_request_validators(restApiId=outputs(stack)["ApiId"])[
        "items"
    ]
    assert validator["validateRequestBody"]
    assert not validator["validateRequestParameters"]


def test_changed_stack_tags_reach_resources_without_replacing_them(aws, deploy, monkeypatch):
    given = ENVIRONMENTS["prod"]
    deploy(given)
    before = identities(aws)
    monkeypatch.setitem(TAGS[0], "Value", "somebody else")
    assert deploy(given, "UPDATE")["StackStatus"] == "UPDATE_COMPLETE"
    assert identities(aws) == before
    ec2, logs = aws("ec2"), aws("logs")
    tagged = [
        *map(tags, ec2.describe_addresses()["Addresses"]),
        *map(tags, ec2.describe_nat_gateways()["NatGateways"]),
        *map(tags, ec2.describe_flow_logs()["FlowLogs"]),
        *(each["tags"] for each in logs.describe_deliveries()["deliveries"]),
        *(each["tags"] for each in logs.describe_delivery_sources()["deliverySources"]),
        *(each["tags"] for each in logs.describe_delivery_destinations()["deliveryDestinations"]),
    ]
    assert {each["Owner"] for each in tagged} == {"somebody else"}


def identities(aws):
    """Return the physical IDs of the stack's resources."""
    pages = aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }


def test_minimum_above_maximum_capacity_fails_the_stack(aws, deploy):
    given = {"ImageTag": "v1", "DesiredCount": "5", "MaximumCount": "4"}
    stack = deploy(ENVIRONMENTS["small"] | given)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = reasons(aws("cloudformation"), stack)["ServiceScalableTarget"]
    assert "Maximum capacity cannot be less than minimum capacity" in reason


def test_vpc_link_is_available(aws):
    link = aws("apigatewayv2").get_vpc_link(VpcLinkId="any")
    assert (link["VpcLinkId"], link["VpcLinkStatus"]) == ("any", "AVAILABLE")
