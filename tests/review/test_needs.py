"""What environments need of service quotas."""

import pytest

from checkout import ENVIRONMENTS
from comparing import compared
from iot_pipeline_cfn.review.needs import NEEDS, find_quota_changes, needs
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.quotas import QUOTAS
from resolution import resolve

EVERY = {
    "vpcs": 1,
    "internet-gateways": 1,
    "interface-endpoints": 4,
    "load-balancers": 1,
    "db-instances": 1,
    "rest-apis": 1,
    "target-groups": 1,
    "db-parameter-groups": 1,
    "security-groups": 6,
    "usage-plans": 1,
    "iam-roles": 5,
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("small", {"cache-nodes": 1, "fargate-spot-vcpu": 2 * 0.25, "security-groups": 5}),
        (
            "dev",
            {"cache-nodes": 1, "fargate-spot-vcpu": 0.5, "elastic-ips": 1, "nat-gateways": 1}
            | {"security-groups": 5},
        ),
        ("staging", {"cache-nodes": 2, "fargate-vcpu": 1, "elastic-ips": 1, "nat-gateways": 1}),
        (
            "prod",
            {"cache-nodes": 2, "fargate-vcpu": 20, "elastic-ips": 2, "nat-gateways": 1}
            | {"iam-roles": 7, "usage-plans": 0},
        ),
        # One NAT gateway is on an address that was there before.
        (
            "most",
            {"cache-nodes": 2, "fargate-vcpu": 1, "elastic-ips": 1, "nat-gateways": 1}
            | {"iam-roles": 7},
        ),
    ],
)
def test_needs_of_every_environment_type(template, kind, expected):
    """The vCPU are those of as many tasks as auto scaling may run."""
    resources = resolve(template, {"ImageTag": "v1", **ENVIRONMENTS[kind]})["Resources"]
    assert needs(resources) == {**dict.fromkeys(QUOTAS, 0), **EVERY, **expected}


def test_without_an_image_no_task_needs_anything(template):
    found = needs(resolve(template, ENVIRONMENTS["prod"])["Resources"])
    assert found["fargate-vcpu"] == 0


@pytest.mark.parametrize(
    ("zones", "expected"), [(["a", "a"], 2), (["a", "c"], 1), ([None, None], 2)]
)
def test_nat_gateways_count_by_the_zone_of_their_subnets(zones, expected):
    resources = {}
    for number, zone in enumerate(zones):
        resources[f"Subnet{number}"] = {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"AvailabilityZone": zone},
        }
        resources[f"NatGateway{number}"] = {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {"SubnetId": {"Ref": f"Subnet{number}"}},
        }
    assert needs(resources)["nat-gateways"] == expected


def test_quotas_that_are_needed_more_or_less_are_found(template):
    pr, prod = (
        resolve(template, {"ImageTag": "v1", **ENVIRONMENTS[kind]})["Resources"]
        for kind in ("small", "prod")
    )
    found = {finding.subject: finding for finding in compared(find_quota_changes, pr, prod)}
    assert {name: finding.code for name, finding in found.items()} == {
        "elastic-ips": "quota-need-increased",
        "nat-gateways": "quota-need-increased",
        "cache-nodes": "quota-need-increased",
        "fargate-vcpu": "quota-need-increased",
        "fargate-spot-vcpu": "quota-need-decreased",
        "iam-roles": "quota-need-increased",
        "security-groups": "quota-need-increased",
        "usage-plans": "quota-need-decreased",
    }
    assert found["elastic-ips"].severity is Severity.CHANGE
    assert found["elastic-ips"].details == {
        "limited": "Elastic IPs",
        "default": 5,
        "exceeds_default": False,
        "before": 0,
        "after": 2,
    }
    assert found["fargate-vcpu"].details["exceeds_default"]
    assert found["fargate-spot-vcpu"].severity is Severity.NOTE
    assert found["fargate-spot-vcpu"].details["before"] == 0.5
    assert compared(find_quota_changes, prod, prod) == []


def test_every_quota_is_counted():
    assert NEEDS.keys() == QUOTAS.keys()
    assert {quota.check for quota in QUOTAS.values()} <= QUOTAS.keys()
