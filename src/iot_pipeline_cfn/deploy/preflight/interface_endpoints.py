"""Interface endpoints: they share a quota for each VPC with those of Gateway Load Balancers.

https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html
"""

from collections.abc import Iterator

from iot_pipeline_cfn.deploy.planning import ENVIRONMENT_TAG

from .checking import Finding, Subject
from .consumption import Quota, holders_of

CODE = "interface-endpoints"

QUOTA = Quota.of(CODE)

COUNTED = frozenset({"Interface", "GatewayLoadBalancer"})


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the endpoints that a change set adds to a VPC that is there with those left in it."""
    kind = "AWS::EC2::VPCEndpoint"
    # In a VPC that is made with them there are no others.
    if not subject.new(kind) or subject.new("AWS::EC2::VPC"):
        return
    needed = [
        name
        for name, endpoint in subject.touched(kind).items()
        if endpoint.get("VpcEndpointType") in COUNTED
    ]
    if not needed:
        return
    ec2 = subject.connection.ec2
    found = ec2.describe_vpcs(
        Filters=[{"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [subject.environment]}]
    )
    for vpc in found["Vpcs"]:
        endpoints = [
            endpoint
            for page in ec2.get_paginator("describe_vpc_endpoints").paginate()
            for endpoint in page["VpcEndpoints"]
            if endpoint["VpcId"] == vpc["VpcId"] and endpoint["VpcEndpointType"] in COUNTED
        ]
        holders = holders_of(endpoints, "VpcEndpointId")
        yield from QUOTA.findings(subject, needed, holders, [f"fewer in {vpc['VpcId']}"])
