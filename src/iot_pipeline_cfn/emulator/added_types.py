"""Resource types outside of EC2 that ministack lacks, or has without its service knowing.

Those that `control.RECORDED` names have no service in ministack: only the stack records them. WAF
knows its associations, API Gateway its validators, and CloudWatch Logs its deliveries, though it
delivers nothing.
"""

import json
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway_v1, iam, waf
from ministack.services import cloudwatch_logs as logs

from .resource_types import (
    Answer,
    Attributes,
    Properties,
    ResourceType,
    accepted,
    accepted_json,
    is_true,
    refuse,
    tags_of,
    wrap,
)

DELIVERY_SERVICE = "delivery.logs.amazonaws.com"
VPC_LINKS = "/v2/vpclinks/"


def patch() -> None:
    """Patch the description of VPC links."""
    wrap(app.SERVICE_HANDLERS, "apigateway", describe_vpc_links)


def _create_delivery_source(properties: Properties) -> tuple[str, Attributes]:
    """Create a source, unless another one has the resource.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2513
    """
    resource, log_type = properties["ResourceArn"], properties["LogType"]
    for source in logs._delivery_sources.values():
        if source["resourceArns"] == [resource] and source["logType"] == log_type:
            refuse(
                "This ResourceId has already been used in another Delivery Source in this account.",
                "AlreadyExists",
            )
    return _put_delivery_source(properties)


def _update_delivery_source(_reference: str, old: Properties, new: Properties) -> Attributes:
    """Update a source, whose resource cannot be changed, although its schema allows that."""
    if old["ResourceArn"] != new["ResourceArn"]:
        refuse(
            "Update to existing Delivery Source with new ResourceId is not allowed. "
            "Please create a new Delivery Source instead."
        )
    return _put_delivery_source(new)[1]


def _put_delivery_source(properties: Properties) -> tuple[str, Attributes]:
    request = {
        "name": properties["Name"],
        "logType": properties["LogType"],
        "resourceArn": properties["ResourceArn"],
        "tags": tags_of(properties),
    }
    source = accepted_json(logs._put_delivery_source(request))["deliverySource"]
    return source["name"], {"Arn": source["arn"], "Service": source["service"]}


def _put_delivery_destination(properties: Properties) -> tuple[str, Attributes]:
    resource = properties["DestinationResourceArn"]
    request = {
        "name": properties["Name"],
        "deliveryDestinationConfiguration": {"destinationResourceArn": resource},
        "outputFormat": properties.get("OutputFormat", "json"),
        "tags": tags_of(properties),
    }
    answer = accepted_json(logs._put_delivery_destination(request))
    destination = answer["deliveryDestination"]
    return destination["name"], {"Arn": destination["arn"]}


def _create_delivery(properties: Properties) -> tuple[str, Attributes]:
    """Create a delivery, unless no policy lets it write to the log group.

    https://github.com/ministryofjustice/cloud-platform/issues/8430
    """
    for destination in logs._delivery_destinations.values():
        group = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
        if destination["arn"] == properties["DeliveryDestinationArn"] and not _admits(group):
            refuse("Access Denied for this Delivery Destination", "AccessDenied")
    request = {
        "deliverySourceName": properties["DeliverySourceName"],
        "deliveryDestinationArn": properties["DeliveryDestinationArn"],
        **_delivery_settings(properties),
    }
    delivery = accepted_json(logs._create_delivery(request))["delivery"]
    return delivery["id"], {"Arn": delivery["arn"], "DeliveryId": delivery["id"]}


def _update_delivery(reference: str, _old: Properties, new: Properties) -> Attributes:
    delivery = logs._deliveries[reference]
    delivery.update(_delivery_settings(new))
    return {"Arn": delivery["arn"], "DeliveryId": reference}


def _admits(group: str) -> bool:
    """Return whether a resource policy lets deliveries write to the log group of an ARN."""
    policies = (*logs._log_group_policies.values(), *logs._resource_policies.values())
    stream = f"{group.removesuffix(':*')}:log-stream:any"
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": DELIVERY_SERVICE}
        and {"logs:CreateLogStream", "logs:PutLogEvents"} <= {*statement["Action"]}
        and any(fnmatchcase(stream, resource) for resource in statement["Resource"])
        for policy in policies
        for statement in json.loads(policy["policyDocument"])["Statement"]
    )


def _delivery_settings(properties: Properties) -> Properties:
    return {
        "fieldDelimiter": properties.get("FieldDelimiter", ""),
        "recordFields": properties.get("RecordFields", []),
        "tags": tags_of(properties),
    }


def _create_validator(properties: Properties) -> tuple[str, Attributes]:
    request = {"name": properties.get("Name", ""), **_validated_parts(properties)}
    answer = apigateway_v1._create_request_validator(properties["RestApiId"], request)
    validator = accepted_json(answer)["id"]
    return validator, {"RequestValidatorId": validator}


def _update_validator(reference: str, _old: Properties, new: Properties) -> Attributes:
    validator = apigateway_v1._request_validators[new["RestApiId"]][reference]
    validator.update(_validated_parts(new))
    return {"RequestValidatorId": reference}


def _delete_validator(reference: str, properties: Properties) -> None:
    accepted(apigateway_v1._delete_request_validator(properties["RestApiId"], reference))


def _validated_parts(properties: Properties) -> dict[str, bool]:
    return {
        "validateRequestBody": is_true(properties.get("ValidateRequestBody")),
        "validateRequestParameters": is_true(properties.get("ValidateRequestParameters")),
    }


def _associate_web_acl(properties: Properties) -> tuple[str, Attributes]:
    resource, web_acl = properties["ResourceArn"], properties["WebACLArn"]
    accepted(waf._associate_web_acl({"ResourceArn": resource, "WebACLArn": web_acl}))
    return f"{resource}|{web_acl}", {}


def _disassociate_web_acl(_reference: str, properties: Properties) -> None:
    accepted(waf._disassociate_web_acl({"ResourceArn": properties["ResourceArn"]}))


def _create_oidc_provider(properties: Properties) -> tuple[str, Attributes]:
    clients = enumerate(properties.get("ClientIdList", []), 1)
    request = {
        "Url": properties["Url"],
        **{f"ClientIDList.member.{number}": client for number, client in clients},
    }
    answer = accepted(iam._create_oidc_provider(request))
    arn = answer.partition("<OpenIDConnectProviderArn>")[2].partition("<")[0]
    return arn, {"Arn": arn}


def _delete_oidc_provider(reference: str, _properties: Properties) -> None:
    accepted(iam._delete_oidc_provider({"OpenIDConnectProviderArn": reference}))


def _record_scalable_target(properties: Properties) -> tuple[str, Attributes]:
    # Application Auto Scaling refuses it on AWS: CloudFormation does not compare the numbers.
    if int(properties["MinCapacity"]) > int(properties["MaxCapacity"]):
        refuse("Maximum capacity cannot be less than minimum capacity")
    reference = "|".join(
        properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")
    )
    return reference, {"Id": reference}


def _record_scaling_policy(properties: Properties) -> tuple[str, Attributes]:
    resource, _, namespace = properties["ScalingTargetId"].split("|")
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{uuid4()}:"
        f"resource/{namespace}/{resource}:policyName/{properties['PolicyName']}"
    )
    return arn, {"Arn": arn}


def _record_vpc_link(_properties: Properties) -> tuple[str, Attributes]:
    reference = uuid4().hex[:10]
    return reference, {"VpcLinkId": reference}


def describe_vpc_links(
    handle: Callable[..., Awaitable[Answer]],
) -> Callable[..., Awaitable[Answer]]:
    """Describe every VPC link as available; ministack has none."""

    async def patched(method: str, path: str, *rest: Any) -> Answer:
        if not path.startswith(VPC_LINKS):
            return await handle(method, path, *rest)
        content = {"vpcLinkId": path.removeprefix(VPC_LINKS), "vpcLinkStatus": "AVAILABLE"}
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()

    return patched


def _forget(_reference: str, _properties: Properties) -> None:
    """Do nothing: the stack forgets the resource."""


REPLACED = {
    "AWS::ApiGateway::RequestValidator": ResourceType(
        create=_create_validator,
        update=_update_validator,
        delete=_delete_validator,
        create_only=("Name", "RestApiId"),
    ),
}
"""Resource types that ministack has, but only records in the stack."""

ADDED = {
    "AWS::ApiGatewayV2::VpcLink": ResourceType(
        create=_record_vpc_link,
        update=lambda reference, _old, _new: {"VpcLinkId": reference},
        delete=_forget,
        create_only=("SecurityGroupIds", "SubnetIds"),
        tags="map",
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        create=_record_scalable_target,
        update=lambda _reference, _old, new: _record_scalable_target(new)[1],
        delete=_forget,
        create_only=("ResourceId", "ScalableDimension", "ServiceNamespace"),
        tags="list",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        create=_record_scaling_policy,
        update=lambda reference, _old, _new: {"Arn": reference},
        delete=_forget,
        create_only=(
            *("PolicyName", "ResourceId", "ScalableDimension"),
            *("ScalingTargetId", "ServiceNamespace"),
        ),
    ),
    "AWS::IAM::OIDCProvider": ResourceType(
        create=_create_oidc_provider,
        update=lambda reference, _old, _new: {"Arn": reference},
        delete=_delete_oidc_provider,
        create_only=("Url",),
        tags="list",
    ),
    "AWS::Logs::Delivery": ResourceType(
        create=_create_delivery,
        update=_update_delivery,
        delete=lambda reference, _: logs._deliveries.pop(reference, None),
        create_only=("DeliveryDestinationArn", "DeliverySourceName"),
        tags="list",
    ),
    "AWS::Logs::DeliveryDestination": ResourceType(
        create=_put_delivery_destination,
        update=lambda _reference, _old, new: _put_delivery_destination(new)[1],
        delete=lambda reference, _: logs._delivery_destinations.pop(reference, None),
        create_only=(
            *("DeliveryDestinationType", "DestinationResourceArn", "Name", "OutputFormat"),
        ),
        tags="list",
    ),
    "AWS::Logs::DeliverySource": ResourceType(
        create=_create_delivery_source,
        update=_update_delivery_source,
        delete=lambda reference, _: logs._delivery_sources.pop(reference, None),
        create_only=("Name",),
        tags="list",
    ),
    "AWS::WAFv2::WebACLAssociation": ResourceType(
        create=_associate_web_acl,
        update=lambda _reference, _old, _new: {},
        delete=_disassociate_web_acl,
        create_only=("ResourceArn", "WebACLArn"),
    ),
}
