"""Resource types that the emulator adds: real wherever ministack has the service."""

from checkout import ENVIRONMENTS, REGION
from emulated import (
    STACK,
    STACK_TAGS,
    TAGS,
    outputs,
    reasons,
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


def test_validator_checks_bodies_only(aws, deploy):
    stack = deploy(ENVIRONMENTS["pr"])
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
    stack = deploy(ENVIRONMENTS["pr"] | given)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = reasons(aws("cloudformation"), stack)["ServiceScalableTarget"]
    assert "Maximum capacity cannot be less than minimum capacity" in reason
