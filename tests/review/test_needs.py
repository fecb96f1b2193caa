"""What environments need of the quotas that can stand in their way."""

import pytest

from checkout import ENVIRONMENTS
from iot_pipeline_cfn.review.needs import NEEDED, compare, needs
from iot_pipeline_cfn.review.remarks import Severity
from iot_pipeline_cfn.template.quotas import QUOTAS
from resolution import resolve

EVERY = {
    "vpcs": 1,
    "internet-gateways": 1,
    "interface-endpoints": 4,
    "load-balancers": 1,
    "db-instances": 1,
    "rest-apis": 1,
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pr", {"cache-nodes": 1, "fargate-spot-vcpu": 2 * 0.25}),
        (
            "dev",
            {"cache-nodes": 1, "fargate-spot-vcpu": 0.5, "elastic-ips": 1, "nat-gateways": 1},
        ),
        ("staging", {"cache-nodes": 2, "fargate-vcpu": 1, "elastic-ips": 1, "nat-gateways": 1}),
        ("prod", {"cache-nodes": 2, "fargate-vcpu": 20, "elastic-ips": 2, "nat-gateways": 1}),
        # One NAT gateway is on an address that was there before.
        ("most", {"cache-nodes": 2, "fargate-vcpu": 1, "elastic-ips": 1, "nat-gateways": 1}),
    ],
)
def test_every_kind_needs_what_it_needs(template, kind, expected):
    """The tasks are those that auto scaling may run."""
    resources = resolve(template, {"ImageTag": "v1", **ENVIRONMENTS[kind]})["Resources"]
    assert needs(resources) == {**dict.fromkeys(QUOTAS, 0), **EVERY, **expected}


def test_without_an_image_no_task_needs_anything(template):
    """The service is there and asks for none."""
    found = needs(resolve(template, ENVIRONMENTS["prod"])["Resources"])
    assert found["fargate-vcpu"] == 0


@pytest.mark.parametrize(
    ("zones", "expected"), [(["a", "a"], 2), (["a", "c"], 1), ([None, None], 2)]
)
def test_nat_gateways_count_by_the_zone_of_their_subnets(zones, expected):
    """Where two subnets are in one zone they add up."""
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


def test_only_what_changed_is_remarked_upon(template):
    """More is a change, less is a note, and the default is named."""
    pr, prod = (
        resolve(template, {"ImageTag": "v1", **ENVIRONMENTS[kind]})["Resources"]
        for kind in ("pr", "prod")
    )
    remarks = {remark.subject: remark for remark in compare(pr, prod)}
    assert list(remarks) == [
        "elastic-ips",
        "nat-gateways",
        "cache-nodes",
        "fargate-vcpu",
        "fargate-spot-vcpu",
    ]
    addresses = remarks["elastic-ips"]
    assert (addresses.severity, addresses.before, addresses.after) == (Severity.CHANGE, "0", "2")
    assert addresses.message == "needs more Elastic IPs; AWS's default of 5"
    assert remarks["fargate-vcpu"].message.endswith("; more than AWS's default of 6")
    assert remarks["fargate-spot-vcpu"].severity is Severity.NOTE
    assert remarks["fargate-spot-vcpu"].before == "0.5"
    assert not compare(prod, prod)


def test_every_quota_is_counted():
    """Of those that the checks before a deployment ask for."""
    assert NEEDED.keys() == QUOTAS.keys()
    assert {quota.check for quota in QUOTAS.values()} <= QUOTAS.keys()
