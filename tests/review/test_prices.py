"""Monthly prices of environments."""

import re

import pytest
import yaml

from checkout import ENVIRONMENTS, ROOT
from comparing import compared
from iot_pipeline_cfn.review.prices import (
    bill,
    find_cost_changes,
    price_table,
    priced_regions,
    total,
)
from iot_pipeline_cfn.template.findings import Severity
from resolution import resolve

TOKYO, VIRGINIA = "ap-northeast-1", "us-east-1"

UNITS = {"micro": 0.5, "small": 1, "medium": 2, "large": 4}
"""The normalised units of sizes, by which reserved instances are interchangeable.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithReservedDBInstances.html
https://aws.amazon.com/elasticache/pricing/ (size flexibility)
"""

EC2 = {
    "us-east-1": {"m7g": 0.0816, "r7g": 0.1071, "t4g": 0.0084},
    "ap-northeast-1": {"m7g": 0.1054, "r7g": 0.1292, "t4g": 0.0108},
    "eu-central-1": {"m7g": 0.0978, "r7g": 0.1292, "t4g": 0.0096},
}
"""The price of an EC2 instance of the same size in each Region; libcloud's `data/pricing.json`."""


@pytest.fixture(scope="module")
def resources(template):
    """Return a function from parameters to the resources of an environment with an image."""
    return lambda **given: resolve(template, {"ImageTag": "v1", **given})["Resources"]


@pytest.mark.parametrize(
    ("kind", "region", "expected"),
    [
        # Endpoints, load balancer with two addresses, task, database, cache.
        ("small", TOKYO, 40.88 + 17.739 + 7.30 + 11.24565 + 18.25 + 18.25),
        ("small", VIRGINIA, 29.20 + 16.425 + 7.30 + 9.010025 + 11.68 + 11.68),
        # NAT gateway and its address besides.
        ("dev", TOKYO, 113.66465 + 45.26 + 3.65),
        # All in two zones, but for the NAT gateway.
        ("defaults", TOKYO, 48.91 + 81.76 + 25.039 + 11.24565 + 36.50 + 36.50),
        # Two NAT gateways and addresses, an internal load balancer, two tasks of 1 vCPU and 2 GB.
        # Two databases and two cache nodes besides.
        ("prod", TOKYO, 2 * 48.91 + 81.76 + 17.739 + 89.9652 + 730 * 2 * (0.217 + 0.204)),
        ("prod", VIRGINIA, 2 * 36.50 + 58.40 + 16.425 + 72.0802 + 730 * 2 * (0.168 + 0.158)),
    ],
)
def test_price_of_every_environment_type(resources, kind, region, expected):
    """At 730 hours a month."""
    found = bill(resources(**ENVIRONMENTS[kind]), region)
    assert total(found) == pytest.approx(expected)


def test_four_endpoints_in_two_zones_cost_81_76_in_tokyo(resources):
    """More than a NAT gateway, which costs 45.26."""
    found = bill(resources(), TOKYO)
    endpoints = [item for item in found if "endpoint" in item.name]
    assert [item.quantity for item in endpoints] == [2, 2, 2, 2]
    assert total(endpoints) == pytest.approx(81.76)


def test_without_an_image_no_task_costs_anything(template):
    assert "Service" not in {
        item.logical_id for item in bill(resolve(template, {})["Resources"], TOKYO)
    }


def test_change_without_a_price_is_found_and_leaves_no_total(resources):
    other = {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "p4d.24xlarge"}}
    small, large = resources(), resources(**ENVIRONMENTS["prod"]) | {"Other": other}
    cost, unpriced = compared(find_cost_changes, small, large)
    assert cost.details.keys() == {"amount", "resources", "estimated"}
    assert (unpriced.code, unpriced.severity, unpriced.subject) == (
        "not-priced",
        Severity.NOTE,
        "Other",
    )
    assert unpriced.details == {
        "region": TOKYO,
        "before": None,
        "after": "EC2::Instance p4d.24xlarge",
    }
    assert compared(find_cost_changes, large, large) == []


def test_every_class_that_the_template_offers_has_a_price_in_every_linted_region(template):
    offered = {
        f"{choice} {engine}"
        for name, engine in (("DatabaseInstanceClass", "postgres"), ("CacheNodeType", "redis"))
        for choice in template["Parameters"][name]["AllowedValues"]
    }
    for architecture in template["Parameters"]["CpuArchitecture"]["AllowedValues"]:
        offered |= {f"fargate-vcpu {architecture}", f"fargate-gb {architecture}"}
    regions = yaml.safe_load((ROOT / ".cfnlintrc").read_text())["regions"]
    assert sorted(regions) == sorted(priced_regions())
    for region in regions:
        table = price_table()
        known, estimates = table["regions"][region], table["estimates"].get(region, {})
        assert not known.keys() & estimates.keys()
        assert offered <= known.keys() | estimates.keys()


@pytest.mark.parametrize(
    ("region", "name", "estimate"),
    [
        (region, name, estimate)
        for region, estimates in price_table()["estimates"].items()
        for name, estimate in estimates.items()
    ],
)
def test_estimate_follows_its_rule(region, name, estimate):
    known, reference = price_table()["regions"][region], price_table()["regions"][VIRGINIA]
    if name.startswith("fargate"):
        sibling = name.replace("ARM64", "X86_64")
        expected = known[sibling] * reference[name] / reference[sibling]
    else:
        service, family, size = re.split(r"[. ]", name)[:3]
        of_family = re.compile(rf"{service}\.{family}\.(\w+)")
        sizes = {
            found[1]: price for each, price in known.items() if (found := of_family.match(each))
        }
        if sizes:
            other, price = next(iter(sizes.items()))
            expected = price * UNITS[size] / UNITS[other]
        else:
            expected = reference[name] * EC2[region][family] / EC2[VIRGINIA][family]
    assert estimate == pytest.approx(expected, rel=0.005)


def test_difference_names_the_resources_whose_price_is_an_estimate(resources):
    small, large = resources(), resources(DatabaseInstanceClass="db.m7g.large")
    (finding,) = compared(find_cost_changes, small, large)
    assert finding.details["estimated"] == ["Database"]
    nat = resources(DatabaseInstanceClass="db.m7g.large", NatGateways="none")
    (finding,) = compared(find_cost_changes, large, nat)
    assert finding.details["estimated"] == ["Database"]
    (finding,) = compared(find_cost_changes, small, large, region=VIRGINIA)
    assert "estimated" not in finding.details


def instance(size):
    return {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": size}}


@pytest.mark.parametrize("region", [TOKYO, VIRGINIA])
def test_type_without_prices_is_named(region):
    (added,) = compared(find_cost_changes, {}, {"One": instance("p4d.24xlarge")}, region=region)
    assert (added.code, added.subject) == ("not-priced", "One")
    assert added.details["after"] == "EC2::Instance p4d.24xlarge"
    assert added.details["before"] is None
    other = {"One": instance({"Ref": "Size"})}
    (changed,) = compared(find_cost_changes, {"One": instance("t3.micro")}, other, region=region)
    assert changed.details["after"] == "EC2::Instance Size"


def test_equal_price_is_no_difference():
    address = {"Type": "AWS::EC2::EIP"}
    assert compared(find_cost_changes, {"One": address}, {"Other": address}) == []


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [("none", "single", "monthly-cost-increased"), ("single", "none", "monthly-cost-decreased")],
)
def test_difference_has_the_resources_that_make_it(resources, before, after, code):
    without, single = "191.04", "239.95"
    sides = (resources(NatGateways=before), resources(NatGateways=after))
    (finding,) = compared(find_cost_changes, *sides)
    assert (finding.code, finding.severity) == (code, Severity.CHANGE)
    assert finding.details == {
        "amount": "48.91",
        "resources": ["NatElasticIp1", "NatGateway1"],
        "total_before": without if before == "none" else single,
        "total_after": without if after == "none" else single,
    }


def test_change_to_or_from_an_unknown_price_is_no_difference(resources):
    small, large = resources(), resources()
    large["Database"]["Properties"]["DBInstanceClass"] = "db.x2g.large"
    for before, after in ((small, large), (large, small)):
        (finding,) = compared(find_cost_changes, before, after)
        assert (finding.code, finding.subject) == ("not-priced", "Database")


def test_spot_has_the_price_on_demand_as_its_limit(resources):
    before, after = resources(), resources(CapacityProvider="FARGATE_SPOT")
    assert any("Spot costs less" in item.name for item in bill(after, TOKYO))
    assert total(bill(before, TOKYO)) == total(bill(after, TOKYO))


def test_region_without_prices_is_found_where_costs_change(resources):
    before, after = resources(), resources(NatGateways="per-zone")
    (finding,) = compared(find_cost_changes, before, after, region="eu-west-1")
    assert (finding.code, finding.severity) == ("unpriced-region", Severity.NOTE)
    assert finding.details == {"region": "eu-west-1", "regions": priced_regions()}
    assert compared(find_cost_changes, before, before, region="eu-west-1") == []
