"""Internet gateways: a VPC has one, and it is the quota of VPCs that says how many there can be.

They have a quota of their own, L-A4707A72, which is raised by raising that of VPCs.
https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-gateways
"""

from collections.abc import Iterator

from .checking import Finding, Subject
from .consumption import Quota, holders_of

CODE = "internet-gateways"

QUOTA = Quota.of(CODE)


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the internet gateway that a change set creates with those that are left."""
    if needed := subject.new("AWS::EC2::InternetGateway"):
        pages = subject.connection.ec2.get_paginator("describe_internet_gateways").paginate()
        gateways = [gateway for page in pages for gateway in page["InternetGateways"]]
        yield from QUOTA.findings(subject, needed, holders_of(gateways, "InternetGatewayId"))
