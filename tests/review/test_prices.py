"""Monthly prices of environments."""

import pytest

from checkout import ENVIRONMENTS
from comparing import compared
from iot_pipeline_cfn.review.prices import bill, find_cost_changes, price_table, total
from iot_pipeline_cfn.template.findings import Severity
from resolution import resolve

TOKYO, VIRGINIA = "ap-northeast-1", "us-east-1"


@pytest.fixture(scope="module")
def resources(template):
    """Return a function from parameters to the resources of an environment with an image."""
    return lambda **given: resolve(template, {"ImageTag": "v1", **given})["Resources"]


@pytest.mark.parametrize(
    ("kind", "region", "expected"),
    [
        # Endpoints, load balancer with two addresses, task, database, cache.
        ("pr", TOKYO, 40.88 + 17.739 + 7.30 + 11.24565 + 18.25 + 18.25),
        ("pr", VIRGINIA, 29.20 + 16.425 + 7.30 + 9.010025 + 11.68 + 11.68),
        # NAT gateway and its address besides.
        ("dev", TOKYO, 113.66465 + 45.26 + 3.65),
        # All in two zones, but for the NAT gateway.
        ("defaults", TOKYO, 48.91 + 81.76 + 25.039 + 11.24565 + 36.50 + 36.50),
        # Two NAT gateways and addresses, an internal load balancer, two tasks of 1 vCPU and 2 GB.
        ("prod", TOKYO, 2 * 48.91 + 81.76 + 17.739 + 89.9652),
        # Two databases and two cache nodes besides.
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
    small, large = resources(), resources(**ENVIRONMENTS["prod"])
    found = bill(large, TOKYO)
    assert {item.name for item in found if item.monthly is None} == {
        "db.m7g.large postgres",
        "cache.m7g.large redis",
    }
    cost, *unpriced = compared(find_cost_changes, small, large)
    assert cost.details.keys() == {"amount", "resources"}
    assert not {"Cache", "Database"} & {*cost.details["resources"]}
    assert [(each.code, each.severity, each.subject) for each in unpriced] == [
        ("not-priced", Severity.NOTE, "Cache"),
        ("not-priced", Severity.NOTE, "Database"),
    ]
    assert unpriced[1].details == {
        "region": TOKYO,
        "before": "2 db.t4g.micro postgres",
        "after": "2 db.m7g.large postgres",
    }
    assert compared(find_cost_changes, large, large) == []


def test_every_class_that_the_template_offers_has_a_price(template):
    """In Virginia; not all prices of Tokyo are known."""
    prices = price_table()["regions"][VIRGINIA]
    offered = {
        f"{choice} {engine}"
        for name, engine in (("DatabaseInstanceClass", "postgres"), ("CacheNodeType", "redis"))
        for choice in template["Parameters"][name]["AllowedValues"]
    }
    assert offered <= prices.keys()
    for architecture in template["Parameters"]["CpuArchitecture"]["AllowedValues"]:
        assert {f"fargate-vcpu {architecture}", f"fargate-gb {architecture}"} <= prices.keys()


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
    small, large = resources(), resources(DatabaseInstanceClass="db.m7g.large")
    for before, after in ((small, large), (large, small)):
        (finding,) = compared(find_cost_changes, before, after)
        assert (finding.code, finding.subject) == ("not-priced", "Database")


def test_spot_has_the_price_on_demand_as_its_limit(resources):
    before, after = resources(), resources(CapacityProvider="FARGATE_SPOT")
    assert any("Spot costs less" in item.name for item in bill(after, TOKYO))
    assert total(bill(before, TOKYO)) == total(bill(after, TOKYO))


def test_region_without_prices_is_found_where_costs_change(resources):
    before, after = resources(), resources(NatGateways="per-zone")
    (finding,) = compared(find_cost_changes, before, after, region="eu-central-1")
    assert (finding.code, finding.severity) == ("unpriced-region", Severity.NOTE)
    assert finding.details == {"region": "eu-central-1", "regions": [TOKYO, VIRGINIA]}
    assert compared(find_cost_changes, before, before, region="eu-central-1") == []
