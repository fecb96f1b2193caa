"""Monthly prices of environments."""

import pytest

from checkout import ENVIRONMENTS
from comparing import compared
from iot_pipeline_cfn.review.prices import bill, find_cost_changes, total
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


def test_unknown_price_is_found_and_makes_the_total_a_minimum(resources):
    small, large = resources(), resources(**ENVIRONMENTS["prod"])
    found = bill(large, TOKYO)
    assert {item.name for item in found if item.monthly is None} == {
        "db.m7g.large postgres",
        "cache.m7g.large redis",
    }
    cost, *unknown = compared(find_cost_changes, small, large)
    assert cost.details["is_minimum"]
    assert cost.details["total_after"] == "287.28"
    assert [(each.code, each.severity, each.subject) for each in unknown] == [
        ("unknown-price", Severity.NOTE, "Database"),
        ("unknown-price", Severity.NOTE, "Cache"),
    ]
    assert unknown[0].details == {"item": "db.m7g.large postgres", "region": TOKYO}
    assert compared(find_cost_changes, large, large) == []
    ((arm),) = [
        each for each in bill(resources(CpuArchitecture="ARM64"), TOKYO) if "ARM64" in each.name
    ]
    assert arm.monthly is None


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
        "is_minimum": False,
        "total_before": without if before == "none" else single,
        "total_after": without if after == "none" else single,
    }


def test_change_to_or_from_an_unknown_price_is_no_difference(resources):
    small, large = resources(), resources(DatabaseInstanceClass="db.m7g.large")
    for before, after in ((small, large), (large, small)):
        (finding,) = compared(find_cost_changes, before, after)
        assert (finding.code, finding.subject) == ("unknown-price", "Database")
        assert finding.details["item"] == "db.m7g.large postgres"


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
