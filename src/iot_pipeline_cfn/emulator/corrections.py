"""The resource types that ministack has, and does not do as AWS does."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ministack.services import alb, apigateway_v1, ec2, rds, secretsmanager
from ministack.services.cloudformation import provisioners

from .resource_types import (
    Answer,
    Attributes,
    Handler,
    Properties,
    ResourceType,
    accepted,
    content_of,
    refuse,
)

ONE_METRIC = (
    "Dimensions",
    "ExtendedStatistic",
    "MetricName",
    "Namespace",
    "Period",
    "Statistic",
    "Unit",
)
"""What an alarm says of the one metric that it watches."""

ROTATION = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 7}}
"""What Secrets Manager says of a secret that RDS manages."""


def correct() -> None:
    """Replace what ministack has of the resource types that are corrected here."""
    handlers = provisioners._RESOURCE_HANDLERS
    for name, correction in CORRECTIONS.items():
        handlers[name] = handlers[name] | correction(handlers[name])
    provisioners._cw_metric_alarm_record = _alarm_record(provisioners._cw_metric_alarm_record)
    provisioners._normalize_container_defs = _container_definitions(
        provisioners._normalize_container_defs
    )
    ec2._vpce_fields_xml = _endpoint_xml(ec2._vpce_fields_xml)
    ec2._ACTION_MAP["DescribeNatGateways"] = _with_addresses(ec2._describe_nat_gateways)
    rds._instance_xml = _instance_xml(rds._instance_xml)
    rds._ACTION_MAP["ModifyDBInstance"] = _rotating(rds._ACTION_MAP["ModifyDBInstance"])


def _container_definitions(
    normalize: Callable[[list[Properties]], list[Properties]],
) -> Callable[[list[Properties]], list[Properties]]:
    """Keep what the secrets of a container are, which ministack loses."""

    def corrected(definitions: list[Properties]) -> list[Properties]:
        return [
            {
                **container,
                "secrets": [
                    {"name": secret["Name"], "valueFrom": secret["ValueFrom"]}
                    for secret in definition.get("Secrets", [])
                ],
            }
            for definition, container in zip(definitions, normalize(definitions), strict=True)
        ]

    return corrected


def _endpoint_xml(render: Callable[[Properties, str], str]) -> Callable[[Properties, str], str]:
    """Let DescribeVpcEndpoints tell of an endpoint's private DNS and its security groups."""

    def corrected(endpoint: Properties, tag: str = "item") -> str:
        groups = "".join(
            f"<item><groupId>{group}</groupId></item>"
            for group in endpoint.get("SecurityGroupIds", [])
        )
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = f"<privateDnsEnabled>{private}</privateDnsEnabled><groupSet>{groups}</groupSet>"
        return render(endpoint, tag).removesuffix(f"</{tag}>") + f"{more}</{tag}>"

    return corrected


def _with_addresses(describe: Callable[[Properties], Answer]) -> Callable[[Properties], Answer]:
    """Let DescribeNatGateways tell of their Elastic IPs."""

    def addresses(found: re.Match[str]) -> str:
        allocation = ec2._nat_gateways[found[2]]["AllocationId"]
        address = ec2._addresses.get(allocation, {}).get("PublicIp", "")
        return (
            f"{found[1]}<natGatewayAddressSet><item><allocationId>{allocation}</allocationId>"
            f"<publicIp>{address}</publicIp></item></natGatewayAddressSet>"
        )

    def corrected(request: Properties) -> Answer:
        status, headers, content = describe(request)
        gateway = r"(?s)(<natGatewayId>([^<]*).*?)<natGatewayAddressSet/>"
        return status, headers, re.sub(gateway, addresses, content.decode()).encode()

    return corrected


def _alarm_record(
    record: Callable[[str, Properties], dict[str, Any]],
) -> Callable[[str, Properties], dict[str, Any]]:
    """Let an alarm have `Metrics`, which ministack refuses; they are never evaluated."""

    def corrected(name: str, properties: Properties) -> dict[str, Any]:
        if "Metrics" not in properties:
            return record(name, properties)
        others = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, others | {"MetricName": "-", "Namespace": "-"})
        for key in ONE_METRIC:
            del alarm[key]
        return alarm | {"Metrics": properties["Metrics"]}

    return corrected


def _database(handler: Handler) -> Handler:
    """Give an instance the secret that RDS manages, and keep one that is protected."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        reference, attributes = handler["create"](logical_id, properties, stack_name)
        return reference, attributes | _manage_password(reference, properties)

    def update(
        reference: str, old: Properties, new: Properties, *names: str
    ) -> tuple[str, Attributes]:
        reference, attributes = handler["update"](reference, old, new, *names)
        return reference, attributes | _manage_password(reference, new)

    def delete(reference: str, properties: Properties) -> None:
        instance = rds._instances.get(reference, {})
        if instance.get("DeletionProtection"):
            refuse(
                "Cannot delete protected DB Instance, please disable deletion protection and "
                "try again."
            )
        if secret := instance.get("MasterUserSecret"):
            secretsmanager.delete_secret_in_process(secret["SecretArn"])
        handler["delete"](reference, properties)

    return {"create": create, "update": update, "delete": delete}


def _manage_password(reference: str, properties: Properties) -> Attributes:
    """Return the secret of an instance as its attribute, if RDS manages its password."""
    if str(properties.get("ManageMasterUserPassword")).lower() != "true":
        return {}
    instance = rds._instances[reference]
    if "MasterUserSecret" not in instance:
        password = secrets.token_urlsafe()
        key = properties.get("MasterUserSecret", {}).get("KmsKeyId", "alias/aws/secretsmanager")
        arn, _ = secretsmanager._store_new_secret(
            f"rds!db-{uuid4()}",
            secret_string=json.dumps(
                {"username": instance["MasterUsername"], "password": password}
            ),
            description="The secret associated with the primary RDS DB instance: "
            f"{instance['DBInstanceArn']}",
            tags=[
                {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance["DBInstanceArn"]},
                {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
            ],
            kms_key_id=key,
        )
        secretsmanager._secrets[_name_of_secret(arn)].update(ROTATION)
        instance["_MasterUserPassword"] = password
        instance["MasterUserSecret"] = {
            "SecretArn": arn,
            "SecretStatus": "active",
            "KmsKeyId": key,
        }
    return {"MasterUserSecret.SecretArn": instance["MasterUserSecret"]["SecretArn"]}


def _instance_xml(render: Callable[[Properties], str]) -> Callable[[Properties], str]:
    """Let DescribeDBInstances tell of the secret."""

    def corrected(instance: Properties) -> str:
        secret = "".join(
            f"<{name}>{value}</{name}>"
            for name, value in instance.get("MasterUserSecret", {}).items()
        )
        return render(instance) + (secret and f"<MasterUserSecret>{secret}</MasterUserSecret>")

    return corrected


def _rotating(modify: Callable[[Properties], Answer]) -> Callable[[Properties], Answer]:
    """Rotate the password of an instance whose secret RDS manages when that is asked for.

    Where there is a database behind it, whoever runs that has to give it the new password.
    """

    def corrected(request: Properties) -> Answer:
        answer = modify(request)
        instance = rds._instances.get(rds._p(request, "DBInstanceIdentifier"), {})
        rotate = rds._p(request, "RotateMasterUserPassword") == "true"
        if rotate and (secret := instance.get("MasterUserSecret")):
            password = secrets.token_urlsafe()
            content = {"username": instance["MasterUsername"], "password": password}
            secretsmanager.put_secret_value_in_process(secret["SecretArn"], json.dumps(content))
            instance["_MasterUserPassword"] = password
        return answer

    return corrected


def _load_balancer(handler: Handler) -> Handler:
    """Keep a load balancer that is protected."""

    def delete(reference: str, properties: Properties) -> None:
        if {"Key": "deletion_protection.enabled", "Value": "true"} in alb._lb_attrs.get(
            reference, []
        ):
            refuse(
                f"Load balancer '{reference}' cannot be deleted because deletion protection is "
                "enabled"
            )
        handler["delete"](reference, properties)

    return {"delete": delete}


def _taking(change: Callable[[Properties], Properties]) -> Callable[[Handler], Handler]:
    """Return a correction of what a handler is given."""

    def correction(handler: Handler) -> Handler:
        return {
            "create": lambda logical_id, properties, stack_name: handler["create"](
                logical_id, change(properties), stack_name
            ),
            "update": lambda reference, old, new, *names: handler["update"](
                reference, change(old), change(new), *names
            ),
        }

    return correction


def _service(properties: Properties) -> Properties:
    """Take the number of tasks from a parameter, which is text."""
    return {**properties, "DesiredCount": int(properties.get("DesiredCount", 1))}


def _api(properties: Properties) -> Properties:
    """Take the types of an API's endpoint under the name that CloudFormation gives them."""
    types = properties.get("EndpointConfiguration", {}).get("Types", ["EDGE"])
    return {**properties, "EndpointConfiguration": {"types": types}}


def _method(handler: Handler) -> Handler:
    """Keep a method's validator, and what a private integration goes through."""

    def kept(properties: Properties) -> None:
        method = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]][
            "resourceMethods"
        ][properties["HttpMethod"]]
        if "RequestValidatorId" in properties:
            method["requestValidatorId"] = properties["RequestValidatorId"]
        for name in ("ConnectionId", "IntegrationTarget"):
            if name in properties.get("Integration", {}):
                key = name[0].lower() + name[1:]
                method["methodIntegration"][key] = properties["Integration"][name]

    def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        made: tuple[str, Attributes] = handler["create"](logical_id, properties, stack_name)
        kept(properties)
        return made

    def update(
        reference: str, old: Properties, new: Properties, *names: str
    ) -> tuple[str, Attributes]:
        updated: tuple[str, Attributes] = handler["update"](reference, old, new, *names)
        kept(new)
        return updated

    return {"create": create, "update": update}


def _key(handler: Handler) -> Handler:
    """Take the days of waiting, which CloudFormation hands on as text."""

    def delete(reference: str, properties: Properties) -> None:
        days = int(properties.get("PendingWindowInDays", 30))
        handler["delete"](reference, {**properties, "PendingWindowInDays": days})

    return {"delete": delete}


def _secret(handler: Handler) -> Handler:
    """Let `Ref` return the ARN of a secret, where ministack goes by its name."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        _, attributes = handler["create"](logical_id, properties, stack_name)
        return attributes["Arn"], attributes

    def update(
        reference: str, old: Properties, new: Properties, *names: str
    ) -> tuple[str, Attributes]:
        _, attributes = handler["update"](_name_of_secret(reference), old, new, *names)
        return attributes["Arn"], attributes

    return {
        "create": create,
        "update": update,
        "delete": lambda reference, properties: handler["delete"](
            _name_of_secret(reference), properties
        ),
    }


def _name_of_secret(arn: str) -> str | None:
    name: str | None
    name, _ = secretsmanager._resolve(arn)
    return name


CORRECTIONS = {
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGateway::RestApi": _taking(_api),
    "AWS::ECS::Service": _taking(_service),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::KMS::Key": _key,
    "AWS::RDS::DBInstance": _database,
    "AWS::SecretsManager::Secret": _secret,
}


def _create_validator(properties: Properties) -> tuple[str, Attributes]:
    request = {"name": properties.get("Name", ""), **_validated(properties)}
    validator = content_of(
        apigateway_v1._create_request_validator(properties["RestApiId"], request)
    )["id"]
    return validator, {"RequestValidatorId": validator}


def _update_validator(reference: str, _old: Properties, new: Properties) -> Attributes:
    validator = apigateway_v1._request_validators[new["RestApiId"]][reference]
    validator.update(_validated(new))
    return {"RequestValidatorId": reference}


def _delete_validator(reference: str, properties: Properties) -> None:
    accepted(apigateway_v1._delete_request_validator(properties["RestApiId"], reference))


def _validated(properties: Properties) -> dict[str, bool]:
    return {
        "validateRequestBody": str(properties.get("ValidateRequestBody")).lower() == "true",
        "validateRequestParameters": str(properties.get("ValidateRequestParameters")).lower()
        == "true",
    }


RESOURCE_TYPES = {
    "AWS::ApiGateway::RequestValidator": ResourceType(
        create=_create_validator,
        update=_update_validator,
        delete=_delete_validator,
        create_only=("Name", "RestApiId"),
    ),
}
