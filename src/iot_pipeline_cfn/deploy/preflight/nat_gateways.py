"""NAT gateways: their quota is for each availability zone, and they count until they are deleted.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-gateways
"""

from collections import defaultdict
from collections.abc import Iterator

from .checking import Finding, Subject
from .consumption import Quota, holders_of

CODE = "nat-gateways"

QUOTA = Quota.of(CODE)

COUNTED = ("pending", "available", "deleting")


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the NAT gateways that a change set creates with those that are left in each zone."""
    # NatGateway1 stands in AvailabilityZone1, and so on.
    needed = defaultdict(list)
    for name in subject.new("AWS::EC2::NatGateway"):
        zone = subject.parameters.get(name.replace("NatGateway", "AvailabilityZone"), "")
        needed[zone].append(name)
    if not needed:
        return
    ec2 = subject.connection.ec2
    pages = ec2.get_paginator("describe_nat_gateways").paginate(
        Filters=[{"Name": "state", "Values": COUNTED}]
    )
    gateways = [
        gateway
        for page in pages
        for gateway in page["NatGateways"]
        # A regional one stands in no subnet, and so in no zone.
        if "SubnetId" in gateway
    ]
    if not gateways:
        return
    subnets = {gateway["SubnetId"] for gateway in gateways}
    zones = {
        subnet["SubnetId"]: subnet["AvailabilityZone"]
        for page in ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "subnet-id", "Values": sorted(subnets)}]
        )
        for subnet in page["Subnets"]
    }
    for zone, names in sorted(needed.items()):
        there = [gateway for gateway in gateways if zones.get(gateway["SubnetId"]) == zone]
        ways = [f"--parameter NatGateways=none; all in {zone}"]
        yield from QUOTA.findings(subject, names, holders_of(there, "NatGatewayId"), ways)
