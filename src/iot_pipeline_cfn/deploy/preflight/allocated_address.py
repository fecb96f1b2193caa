"""The Elastic IP that an environment is given, instead of one of its own."""

from collections.abc import Iterator
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from .checking import Finding, Severity, Subject, tags_of
from .commands import aws_command
from .consumption import STACK_TAG

CODE = "allocated-address"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the address exists, and nothing uses it before the gateway that is to."""
    given = subject.parameters.get("NatElasticIpAllocationId")
    # A second gateway that is added has an address of its own, while the first keeps this one.
    users = [
        logical_id
        for logical_id, properties in subject.touched("AWS::EC2::NatGateway").items()
        if properties.get("AllocationId") == given
    ]
    if not given or not users:
        return
    addresses = subject.connection.ec2.describe_addresses()["Addresses"]
    address = next((each for each in addresses if each.get("AllocationId") == given), None)
    if address is None:
        message = (
            f"NatElasticIpAllocationId: {given} does not exist in {subject.connection.region}; "
            f"to see those that do: {aws_command(subject.connection, 'ec2', 'describe-addresses')}"
        )
        yield Finding(CODE, Severity.ERROR, message, users)
    elif "AssociationId" in address:
        stack = tags_of(address).get(STACK_TAG) or _stack_of_gateway(subject, given)
        holder = stack or address.get("NetworkInterfaceId", "something")
        message = f"NatElasticIpAllocationId: {given} is in use by {holder}; give one that is free"
        yield Finding(CODE, Severity.ERROR, message, users)


def _stack_of_gateway(subject: Subject, given: str) -> str:
    """Return the stack of the NAT gateway that has an address, if that can be told."""
    with suppress(BotoCoreError, ClientError):
        for page in subject.connection.ec2.get_paginator("describe_nat_gateways").paginate():
            for gateway in page["NatGateways"]:
                if given in {
                    address.get("AllocationId")
                    for address in gateway.get("NatGatewayAddresses", [])
                    if gateway["State"] != "deleted"
                }:
                    return tags_of(gateway).get(STACK_TAG, gateway["NatGatewayId"])
    return ""
