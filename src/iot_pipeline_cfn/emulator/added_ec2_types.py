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


def _create_egress(properties: Properties) -> tuple[str, Attributes]:
    group = properties["GroupId"]
    if group not in ec2._security_groups:
        refuse(f"The security group '{group}' does not exist", "NotFound")
    rules, rule = _egress_rules(group), _egress_rule(properties)
    if any(ec2._rules_match(rule, each) for each in rules):
        refuse("the specified rule already exists", "AlreadyExists")
    reference = ec2._sg_rule_id(group, is_egress=True, rule=rule)
    rules.append({**rule, "SecurityGroupRuleId": reference})
    return reference, {"Id": reference}


def _update_egress(reference: str, _old: Properties, new: Properties) -> Attributes:
    for rule in _egress_rules(new["GroupId"]):
        if rule.get("SecurityGroupRuleId") == reference:
            rule.update(_egress_rule(new))
    return {"Id": reference}


def _delete_egress(reference: str, properties: Properties) -> None:
    rules = _egress_rules(properties["GroupId"])
    rules[:] = [rule for rule in rules if rule.get("SecurityGroupRuleId") != reference]


def _egress_rules(group: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = ec2._security_groups.get(group, {}).get("IpPermissionsEgress", [])
    return rules


def _egress_rule(properties: Properties) -> dict[str, Any]:
    (rule,) = provisioners._ec2_sg_permissions([properties])
    return dict(rule)


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
    "AWS::EC2::SecurityGroupEgress": ResourceType(
        create=_create_egress,
        update=_update_egress,
        delete=_delete_egress,
        create_only=(
            *("CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId"),
            *("FromPort", "GroupId", "IpProtocol", "ToPort"),
        ),
    ),
}
