"""Application Load Balancers: an environment has one of its own.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .checking import Finding, Subject, tags_of
from .consumption import Holder, Quota

if TYPE_CHECKING:
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client

CODE = "load-balancers"

QUOTA = Quota.of(CODE)

DESCRIBED = 20
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html"""


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the load balancer that a change set creates with those that are left."""
    needed = subject.new("AWS::ElasticLoadBalancingV2::LoadBalancer")
    if not needed:
        return
    client = subject.connection.elbv2
    pages = client.get_paginator("describe_load_balancers").paginate()
    # Those of networks and of gateways have quotas of their own.
    arns = [
        balancer["LoadBalancerArn"]
        for page in pages
        for balancer in page["LoadBalancers"]
        if balancer["Type"] == "application"
    ]
    yield from QUOTA.findings(
        subject,
        needed,
        [Holder(_name(arn)) for arn in arns],
        read_tags=lambda: _tags(client, arns),
    )


def _tags(client: "ElasticLoadBalancingv2Client", arns: Sequence[str]) -> dict[str, dict[str, str]]:
    return {
        _name(description["ResourceArn"]): tags_of(description)
        for start in range(0, len(arns), DESCRIBED)
        for description in client.describe_tags(ResourceArns=arns[start : start + DESCRIBED])[
            "TagDescriptions"
        ]
    }


def _name(arn: str) -> str:
    """Return the name that is in an ARN: `arn:...:loadbalancer/app/<name>/<id>`."""
    return arn.split("/")[-2]
