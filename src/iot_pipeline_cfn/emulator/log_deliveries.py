"""Resource types of vended logs, real in CloudWatch Logs, which delivers nothing through them."""

from ministack.services import cloudwatch_logs as logs

from .resource_types import Attributes, Properties, ResourceType, content_of, tags_of


def _put_source(properties: Properties) -> tuple[str, Attributes]:
    request = {
        "name": properties["Name"],
        "logType": properties["LogType"],
        "resourceArn": properties["ResourceArn"],
        "tags": tags_of(properties),
    }
    source = content_of(logs._put_delivery_source(request))["deliverySource"]
    return source["name"], {"Arn": source["arn"], "Service": source["service"]}


def _delete_source(reference: str, _properties: Properties) -> None:
    logs._delivery_sources.pop(reference, None)


def _put_destination(properties: Properties) -> tuple[str, Attributes]:
    resource = properties["DestinationResourceArn"]
    request = {
        "name": properties["Name"],
        "deliveryDestinationConfiguration": {"destinationResourceArn": resource},
        "outputFormat": properties.get("OutputFormat", "json"),
        "tags": tags_of(properties),
    }
    destination = content_of(logs._put_delivery_destination(request))["deliveryDestination"]
    return destination["name"], {"Arn": destination["arn"]}


def _delete_destination(reference: str, _properties: Properties) -> None:
    logs._delivery_destinations.pop(reference, None)


def _create_delivery(properties: Properties) -> tuple[str, Attributes]:
    request = {
        "deliverySourceName": properties["DeliverySourceName"],
        "deliveryDestinationArn": properties["DeliveryDestinationArn"],
        **_delivery_settings(properties),
    }
    delivery = content_of(logs._create_delivery(request))["delivery"]
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


def _delete_delivery(reference: str, _properties: Properties) -> None:
    logs._deliveries.pop(reference, None)


RESOURCE_TYPES = {
    "AWS::Logs::Delivery": ResourceType(
        create=_create_delivery,
        update=_update_delivery,
        delete=_delete_delivery,
        create_only=("DeliveryDestinationArn", "DeliverySourceName"),
        tags="list",
    ),
    "AWS::Logs::DeliveryDestination": ResourceType(
        create=_put_destination,
        update=lambda _reference, _old, new: _put_destination(new)[1],
        delete=_delete_destination,
        create_only=(
            "DeliveryDestinationType",
            "DestinationResourceArn",
            "Name",
            "OutputFormat",
        ),
        tags="list",
    ),
    "AWS::Logs::DeliverySource": ResourceType(
        create=_put_source,
        update=lambda _reference, _old, new: _put_source(new)[1],
        delete=_delete_source,
        create_only=("Name",),
        tags="list",
    ),
}
