"""Resource types of ministack that behave unlike those of AWS.

The docstring of each patch says what ministack does and what AWS does.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, apigateway_v1, ec2, rds, secretsmanager
from ministack.services.cloudformation import provisioners

from .resource_types import (
    Answer,
    Attributes,
    Handler,
    Patch,
    Properties,
    before_deletion,
    is_true,
    patch_handlers,
    refuse,
    then,
    with_properties,
    wrap,
)

METRIC_OF_ITS_OWN = (
    *("Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit"),
)
"""The fields of an alarm that watches one metric and no expression."""

MANAGED_ROTATION = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 7}}
"""The rotation of a secret that RDS manages, as Secrets Manager describes it."""


def patch() -> None:
    """Patch the handlers of resource types, and the descriptions of their resources."""
    patch_handlers(PATCHES)
    wrap(provisioners, "_cw_metric_alarm_record", accept_expressions)
    wrap(ec2, "_vpce_fields_xml", describe_endpoint)
    wrap(ec2._ACTION_MAP, "DescribeNatGateways", describe_addresses)
    wrap(rds, "_instance_xml", describe_secret)
    wrap(rds._ACTION_MAP, "ModifyDBInstance", rotate_password)


def describe_endpoint(
    render: Callable[[Properties, str], str],
) -> Callable[[Properties, str], str]:
    """Describe private DNS and security groups of a VPC endpoint, as EC2 does, unlike ministack."""

    def patched(endpoint: Properties, tag: str = "item") -> str:
        groups = "".join(
            f"<item><groupId>{group}</groupId></item>"
            for group in endpoint.get("SecurityGroupIds", [])
        )
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = f"<privateDnsEnabled>{private}</privateDnsEnabled><groupSet>{groups}</groupSet>"
        return render(endpoint, tag).removesuffix(f"</{tag}>") + f"{more}</{tag}>"

    return patched


def describe_addresses(describe: Callable[[Properties], Answer]) -> Callable[[Properties], Answer]:
    """Describe the Elastic IPs of NAT gateways, as EC2 does, unlike ministack."""

    def with_address(match: re.Match[str]) -> str:
        allocation = ec2._nat_gateways[match[2]]["AllocationId"]
        address = ec2._addresses.get(allocation, {}).get("PublicIp", "")
        return (
            f"{match[1]}<natGatewayAddressSet><item><allocationId>{allocation}</allocationId>"
            f"<publicIp>{address}</publicIp></item></natGatewayAddressSet>"
        )

    def patched(request: Properties) -> Answer:
        status, headers, content = describe(request)
        gateway = r"(?s)(<natGatewayId>([^<]*).*?)<natGatewayAddressSet/>"
        return status, headers, re.sub(gateway, with_address, content.decode()).encode()

    return patched


def accept_expressions(
    record: Callable[[str, Properties], dict[str, Any]],
) -> Callable[[str, Properties], dict[str, Any]]:
    """Accept alarms on expressions, which ministack refuses; it does not evaluate them."""

    def patched(name: str, properties: Properties) -> dict[str, Any]:
        if "Metrics" not in properties:
            return record(name, properties)
        others = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, others | {"MetricName": "-", "Namespace": "-"})
        for key in METRIC_OF_ITS_OWN:
            del alarm[key]
        return alarm | {"Metrics": properties["Metrics"]}

    return patched


def manage_password(reference: str, properties: Properties) -> Attributes:
    """Create the secret of an instance whose password RDS manages; ministack creates none."""
    if not is_true(properties.get("ManageMasterUserPassword")):
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
        secretsmanager._secrets[name_of_secret(arn)].update(MANAGED_ROTATION)
        instance["_MasterUserPassword"] = password
        instance["MasterUserSecret"] = {
            "SecretArn": arn,
            "SecretStatus": "active",
            "KmsKeyId": key,
        }
    return {"MasterUserSecret.SecretArn": instance["MasterUserSecret"]["SecretArn"]}


def keep_protected_database(reference: str) -> None:
    """Refuse to delete a protected instance, as RDS does, and delete the secret of another."""
    instance = rds._instances.get(reference, {})
    if instance.get("DeletionProtection"):
        refuse(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    if secret := instance.get("MasterUserSecret"):
        secretsmanager.delete_secret_in_process(secret["SecretArn"])


def describe_secret(render: Callable[[Properties], str]) -> Callable[[Properties], str]:
    """Describe the secret of an instance, as RDS does, unlike ministack."""

    def patched(instance: Properties) -> str:
        secret = "".join(
            f"<{name}>{value}</{name}>"
            for name, value in instance.get("MasterUserSecret", {}).items()
        )
        return render(instance) + (secret and f"<MasterUserSecret>{secret}</MasterUserSecret>")

    return patched


def rotate_password(modify: Callable[[Properties], Answer]) -> Callable[[Properties], Answer]:
    """Rotate a managed password on request, which ministack ignores.

    A database that is run behind the instance does not learn the new password from here.
    """

    def patched(request: Properties) -> Answer:
        answer = modify(request)
        instance = rds._instances.get(rds._p(request, "DBInstanceIdentifier"), {})
        rotate = rds._p(request, "RotateMasterUserPassword") == "true"
        if rotate and (secret := instance.get("MasterUserSecret")):
            password = secrets.token_urlsafe()
            content = {"username": instance["MasterUsername"], "password": password}
            secretsmanager.put_secret_value_in_process(secret["SecretArn"], json.dumps(content))
            instance["_MasterUserPassword"] = password
        return answer

    return patched


def keep_protected_load_balancer(reference: str) -> None:
    """Refuse to delete a protected load balancer, as Elastic Load Balancing does."""
    protected = {"Key": "deletion_protection.enabled", "Value": "true"}
    if protected in alb._lb_attrs.get(reference, []):
        refuse(
            f"Load balancer '{reference}' cannot be deleted because deletion protection is enabled"
        )


def associate_target_groups(_reference: str, properties: Properties) -> Attributes:
    """Associate the target groups of a rule with its load balancer, which ministack does not."""
    load_balancer = alb._listeners[properties["ListenerArn"]]["LoadBalancerArn"]
    for action in properties["Actions"]:
        if group := alb._tgs.get(action.get("TargetGroupArn", "")):
            group["LoadBalancerArns"] = [load_balancer]
    return {}


def refuse_taken_priority(handler: Handler) -> Handler:
    """Refuse a rule whose priority another rule of the listener has, unlike ministack.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
    """

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Attributes]:
        listener, priority = properties["ListenerArn"], str(properties["Priority"])
        for rule in alb._rules.values():
            if (rule["ListenerArn"], str(rule["Priority"])) == (listener, priority):
                refuse(f"Priority '{priority}' is currently in use", "AlreadyExists")
        created: tuple[str, Attributes] = handler["create"](logical_id, properties, stack)
        return created

    return {"create": create}


def with_endpoint_types(properties: Properties) -> Properties:
    """Rename the endpoint types of an API, which ministack knows by their name in the API only."""
    types = properties.get("EndpointConfiguration", {}).get("Types", ["EDGE"])
    return {**properties, "EndpointConfiguration": {"types": types}}


def with_days_of_waiting(properties: Properties) -> Properties:
    """Convert the waiting period of a key, which a parameter hands on as text."""
    return {**properties, "PendingWindowInDays": int(properties.get("PendingWindowInDays", 30))}


def with_account_regional_name(properties: Properties) -> Properties:
    """Name a bucket in the account's namespace, which ministack does not know.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html
    """
    prefix = properties.get("BucketNamePrefix")
    if properties.get("BucketNamespace") != "account-regional" or not prefix:
        return properties
    return {**properties, "BucketName": f"{prefix}-{get_account_id()}-{get_region()}-an"}


def keep_security_policy(reference: str, properties: Properties) -> Attributes:
    """Keep the security policy of an API, which ministack forgets, and check it as AWS does.

    https://github.com/aws/aws-sam-cli/issues/9007
    """
    policy, mode = (properties.get(name, "") for name in ("SecurityPolicy", "EndpointAccessMode"))
    if policy.startswith("SecurityPolicy_") and not mode:
        refuse("Endpoint access mode is required for the specified security policy")
    apigateway_v1._rest_apis[reference] |= {"securityPolicy": policy, "endpointAccessMode": mode}
    return {}


def keep_method_settings(_reference: str, properties: Properties) -> Attributes:
    """Keep the validator and the private integration of a method, which ministack forgets."""
    method = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]][
        "resourceMethods"
    ][properties["HttpMethod"]]
    if "RequestValidatorId" in properties:
        method["requestValidatorId"] = properties["RequestValidatorId"]
    for name in ("ConnectionId", "IntegrationTarget"):
        if name in properties.get("Integration", {}):
            key = name[0].lower() + name[1:]
            method["methodIntegration"][key] = properties["Integration"][name]
    return {}


def refer_by_arn(handler: Handler) -> Handler:
    """Return the ARN of a secret as its `Ref`, as AWS does; ministack returns its name."""

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Attributes]:
        _, attributes = handler["create"](logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(
        reference: str, old: Properties, new: Properties, *names: str
    ) -> tuple[str, Attributes]:
        _, attributes = handler["update"](name_of_secret(reference), old, new, *names)
        return attributes["Arn"], attributes

    return {
        "create": create,
        "update": update,
        "delete": lambda reference, properties: handler["delete"](
            name_of_secret(reference), properties
        ),
    }


def name_of_secret(arn: str) -> str | None:
    """Return the name of the secret that has an ARN."""
    name: str | None
    name, _ = secretsmanager._resolve(arn)
    return name


PATCHES: Mapping[str, Sequence[Patch]] = {
    "AWS::ApiGateway::Method": [then(keep_method_settings)],
    "AWS::ApiGateway::RestApi": [
        with_properties(with_endpoint_types),
        then(keep_security_policy),
    ],
    "AWS::ElasticLoadBalancingV2::ListenerRule": [
        then(associate_target_groups),
        refuse_taken_priority,
    ],
    "AWS::ElasticLoadBalancingV2::LoadBalancer": [before_deletion(keep_protected_load_balancer)],
    "AWS::KMS::Key": [with_properties(with_days_of_waiting)],
    "AWS::RDS::DBInstance": [then(manage_password), before_deletion(keep_protected_database)],
    "AWS::S3::Bucket": [with_properties(with_account_regional_name)],
    "AWS::SecretsManager::Secret": [refer_by_arn],
}
