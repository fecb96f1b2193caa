"""Internet gateways: a VPC has one."""

from collections.abc import Iterator

from .checking import Finding, Subject
from .quotas import Quota

QUOTA = Quota("internet-gateways", "internet gateway", "vpc", "L-A4707A72", 5)


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the internet gateway that a change set creates with those that are left."""
    if needed := len(subject.new("AWS::EC2::InternetGateway")):
        pages = subject.connection.ec2.get_paginator("describe_internet_gateways").paginate()
        gateways = [gateway for page in pages for gateway in page["InternetGateways"]]
        yield from QUOTA.findings(subject, needed, gateways, "InternetGatewayId")
