"""Resource types whose service the emulator has not: a stack records them, and nothing else does.

`control.RECORDED` says so to users.
"""

from uuid import uuid4

from ministack.core.responses import get_account_id, get_region

from .resource_types import Attributes, Properties, ResourceType, refuse


def _create_scalable_target(properties: Properties) -> tuple[str, Attributes]:
    # Application Auto Scaling is the first to see it: CloudFormation compares no parameters.
    if int(properties["MinCapacity"]) > int(properties["MaxCapacity"]):
        refuse("Maximum capacity cannot be less than minimum capacity")
    reference = "|".join(
        properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")
    )
    return reference, {"Id": reference}


def _create_scaling_policy(properties: Properties) -> tuple[str, Attributes]:
    resource, _, namespace = properties["ScalingTargetId"].split("|")
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{uuid4()}:"
        f"resource/{namespace}/{resource}:policyName/{properties['PolicyName']}"
    )
    return arn, {"Arn": arn}


def _create_vpc_link(_properties: Properties) -> tuple[str, Attributes]:
    reference = uuid4().hex[:10]
    return reference, {"VpcLinkId": reference}


def _forget(_reference: str, _properties: Properties) -> None:
    """Do nothing: CloudFormation forgets what it has recorded."""


RESOURCE_TYPES = {
    "AWS::ApiGatewayV2::VpcLink": ResourceType(
        create=_create_vpc_link,
        update=lambda reference, _old, _new: {"VpcLinkId": reference},
        delete=_forget,
        create_only=("SecurityGroupIds", "SubnetIds"),
        tags="map",
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        create=_create_scalable_target,
        update=lambda _reference, _old, new: _create_scalable_target(new)[1],
        delete=_forget,
        create_only=("ResourceId", "ScalableDimension", "ServiceNamespace"),
        tags="list",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        create=_create_scaling_policy,
        update=lambda reference, _old, _new: {"Arn": reference},
        delete=_forget,
        create_only=(
            "PolicyName",
            "ResourceId",
            "ScalableDimension",
            "ScalingTargetId",
            "ServiceNamespace",
        ),
    ),
}
