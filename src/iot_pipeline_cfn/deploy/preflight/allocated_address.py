"""The Elastic IP that an environment is given, instead of one of its own."""

from collections.abc import Iterator

from .checking import Finding, Severity, Subject, tags_of
from .quotas import STACK_TAG

CODE = "allocated-address"


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether the address exists, and nothing else uses it."""
    given = subject.parameters.get("NatElasticIpAllocationId")
    if not given or not subject.new("AWS::EC2::NatGateway"):
        return
    addresses = subject.connection.ec2.describe_addresses()["Addresses"]
    address = next((each for each in addresses if each.get("AllocationId") == given), None)
    if address is None:
        message = (
            f"NatElasticIpAllocationId: {given} does not exist in {subject.connection.region}; "
            "aws ec2 describe-addresses shows those that do"
        )
        yield Finding(CODE, Severity.ERROR, message)
    elif "AssociationId" in address:
        holder = tags_of(address).get(STACK_TAG, address.get("NetworkInterfaceId", "something"))
        message = f"NatElasticIpAllocationId: {given} is in use by {holder}; give one that is free"
        yield Finding(CODE, Severity.ERROR, message)
