"""Resource types outside of EC2 that ministack lacks, or has without its service knowing.

Those that `control.RECORDED` names have no service in ministack: only the stack records them. WAF
knows its associations, API Gateway its validators, and CloudWatch Logs its deliveries, though it
delivers nothing.
"""

from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway_v1, waf
from ministack.services import cloudwatch_logs as logs

from .resource_types import (
    Attributes,
    Properties,
    ResourceType,
    accepted,
    accepted_json,
    is_true,
    refuse,
    tags_of,
)


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
        create=_put_delivery_source,
        update=lambda _reference, _old, new: _put_delivery_source(new)[1],
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
