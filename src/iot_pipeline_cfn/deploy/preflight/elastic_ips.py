"""Elastic IPs: a public NAT gateway needs one each.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-eips
"""

from collections.abc import Iterator
from dataclasses import replace

from .checking import Finding, Subject, tags_of
from .consumption import STACK_TAG, Quota, holders_of

FIRST = "NatElasticIp1"
"""What an address that is given stands for; a second gateway always has one of its own."""

CODE = "elastic-ips"

QUOTA = Quota.of(CODE)


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the addresses that a change set allocates with those that are left."""
    needed = subject.new("AWS::EC2::EIP")
    if not needed:
        return
    addresses = [
        address
        for address in subject.connection.ec2.describe_addresses()["Addresses"]
        # Addresses that somebody brought, and those of AWS's own services, do not count.
        if address.get("PublicIpv4Pool", "amazon") == "amazon" and "ServiceManaged" not in address
    ]
    free = [
        address["AllocationId"]
        for address in addresses
        if "AssociationId" not in address and STACK_TAG not in tags_of(address)
    ]
    ways = ["--parameter NatGateways=none"]
    if free and FIRST in needed:
        saved = "an address that nothing uses" + (", for one of them" if len(needed) > 1 else "")
        ways.append(f"{saved}: --parameter NatElasticIpAllocationId={free[0]}")
    holders = [
        replace(holder, name=f"{holder.name} (not associated)") if holder.name in free else holder
        for holder in holders_of(addresses, "AllocationId")
    ]
    yield from QUOTA.findings(subject, needed, holders, ways)
