"""Resource types of EC2 that ministack lacks; EC2 describes the resources that a stack creates.

An address knows whether it is in use, which ministack does not record, so that a NAT gateway cannot
use the address of another one.
"""

import re
from collections.abc import Callable
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from .resource_types import Answer, Attributes, Properties, ResourceType, accepted, refuse


def _identifier(answer: Answer, element: str) -> str:
    (identifier,) = re.findall(f"<{element}>(.*?)</{element}>", accepted(answer))
    return str(identifier)


def _update_tags(attribute: str) -> Callable[[str, Properties, Properties], Attributes]:
    """Return the update of a type that only its tags can change; its `Ref` is its attribute."""

    def update(reference: str, old: Properties, new: Properties) -> Attributes:
        provisioners._ec2_apply_tags(reference, new, old)
        return {attribute: reference}

    return update


def _create_address(properties: Properties) -> tuple[str, Attributes]:
    allocation = _identifier(ec2._allocate_address({"Domain": "vpc"}), "allocationId")
    provisioners._ec2_apply_tags(allocation, properties)
    address = ec2._addresses[allocation]
    return address["PublicIp"], _address_attributes(address)


def _update_address(reference: str, old: Properties, new: Properties) -> Attributes:
    (address,) = _addresses(reference)
    provisioners._ec2_apply_tags(address["AllocationId"], new, old)
    return _address_attributes(address)


def _delete_address(reference: str, _properties: Properties) -> None:
    for address in _addresses(reference):
        ec2._release_address({"AllocationId": address["AllocationId"]})


def _addresses(public_ip: str) -> list[Properties]:
    return [each for each in ec2._addresses.values() if each["PublicIp"] == public_ip]


def _address_attributes(address: Properties) -> Attributes:
    return {name: address[name] for name in ("AllocationId", "PublicIp")}


def _create_nat_gateway(properties: Properties) -> tuple[str, Attributes]:
    subnet, allocation = properties["SubnetId"], properties["AllocationId"]
    address = ec2._addresses.get(allocation)
    if address is None:
        refuse(f"The allocation ID '{allocation}' does not exist", "NotFound")
    if address["AssociationId"]:
        refuse(f"Elastic IP address [{allocation}] is already associated", "NotStabilized")
    answer = ec2._create_nat_gateway({"SubnetId": subnet, "AllocationId": allocation})
    gateway = _identifier(answer, "natGatewayId")
    provisioners._ec2_apply_tags(gateway, properties)
    address["AssociationId"] = gateway.replace("nat-", "eipassoc-")
    return gateway, {"NatGatewayId": gateway}


def _delete_nat_gateway(reference: str, properties: Properties) -> None:
    ec2._delete_nat_gateway({"NatGatewayId": reference})
    if address := ec2._addresses.get(properties["AllocationId"]):
        address["AssociationId"] = None


FLOW_LOG_PARAMETERS = {
    "LogDestination": "LogDestination",
    "LogDestinationType": "LogDestinationType",
    "LogGroupName": "LogGroupName",
    "ResourceId": "ResourceId.1",
    "ResourceType": "ResourceType",
    "TrafficType": "TrafficType",
}
"""The properties of a flow log, each with the parameter of CreateFlowLogs."""


def _create_flow_log(properties: Properties) -> tuple[str, Attributes]:
    request = {
        parameter: properties[name]
        for name, parameter in FLOW_LOG_PARAMETERS.items()
        if name in properties
    }
    flow_log = _identifier(ec2._create_flow_logs(request), "item")
    provisioners._ec2_apply_tags(flow_log, properties)
    return flow_log, {"Id": flow_log}


def _delete_flow_log(reference: str, _properties: Properties) -> None:
    ec2._delete_flow_logs({"FlowLogId.1": reference})


def _rule_type(side: str, other_end: tuple[str, ...]) -> ResourceType:
    """Return the type of the rules on one side of a group, which EC2 keeps in the group."""

    def create(properties: Properties) -> tuple[str, Attributes]:
        group = properties["GroupId"]
        if group not in ec2._security_groups:
            refuse(f"The security group '{group}' does not exist", "NotFound")
        rules, rule = rules_of(group), permission(properties)
        if any(ec2._rules_match(rule, each) for each in rules):
            refuse("the specified rule already exists", "AlreadyExists")
        is_egress = side == "IpPermissionsEgress"
        reference = ec2._sg_rule_id(group, is_egress=is_egress, rule=rule)
        rules.append({**rule, "SecurityGroupRuleId": reference})
        return reference, {"Id": reference}

    def update(reference: str, _old: Properties, new: Properties) -> Attributes:
        for rule in rules_of(new["GroupId"]):
            if rule.get("SecurityGroupRuleId") == reference:
                rule.update(permission(new))
        return {"Id": reference}

    def delete(reference: str, properties: Properties) -> None:
        rules = rules_of(properties["GroupId"])
        rules[:] = [rule for rule in rules if rule.get("SecurityGroupRuleId") != reference]

    def rules_of(group: str) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = ec2._security_groups.get(group, {}).get(side, [])
        return rules

    def permission(properties: Properties) -> dict[str, Any]:
        (rule,) = provisioners._ec2_sg_permissions([properties])
        return dict(rule)

    shared = ("CidrIp", "CidrIpv6", "FromPort", "GroupId", "IpProtocol", "ToPort")
    return ResourceType(create, update, delete, create_only=(*shared, *other_end))


ADDED = {
    "AWS::EC2::EIP": ResourceType(
        create=_create_address,
        update=_update_address,
        delete=_delete_address,
        create_only=("Address", "IpamPoolId", "NetworkBorderGroup", "TransferAddress"),
        tags="list",
    ),
    "AWS::EC2::FlowLog": ResourceType(
        create=_create_flow_log,
        update=_update_tags("Id"),
        delete=_delete_flow_log,
        create_only=(
            *("DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions"),
            *("LogDestination", "LogDestinationType", "LogFormat", "LogGroupName"),
            *("MaxAggregationInterval", "ResourceId", "ResourceType", "TagFieldSpecifications"),
            "TrafficType",
        ),
        tags="list",
    ),
    "AWS::EC2::NatGateway": ResourceType(
        create=_create_nat_gateway,
        update=_update_tags("NatGatewayId"),
        delete=_delete_nat_gateway,
        create_only=(
            *("AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress"),
            *("SubnetId", "VpcId"),
        ),
        tags="list",
    ),
    "AWS::EC2::SecurityGroupEgress": _rule_type(
        "IpPermissionsEgress", ("DestinationPrefixListId", "DestinationSecurityGroupId")
    ),
    "AWS::EC2::SecurityGroupIngress": _rule_type(
        "IpPermissions",
        (
            *("GroupName", "SourcePrefixListId", "SourceSecurityGroupId"),
            *("SourceSecurityGroupName", "SourceSecurityGroupOwnerId"),
        ),
    ),
}
