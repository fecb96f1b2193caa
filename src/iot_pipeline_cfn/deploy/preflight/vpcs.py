"""VPCs: an environment has one of its own.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-vpcs-subnets
"""

from collections.abc import Iterator

from .checking import Finding, Subject
from .consumption import Quota, holders_of

CODE = "vpcs"

QUOTA = Quota.of(CODE)


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the VPC that a change set creates with those that are left."""
    if needed := subject.new("AWS::EC2::VPC"):
        pages = subject.connection.ec2.get_paginator("describe_vpcs").paginate()
        vpcs = [vpc for page in pages for vpc in page["Vpcs"]]
        yield from QUOTA.findings(subject, needed, holders_of(vpcs, "VpcId"))
