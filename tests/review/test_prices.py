"""What environments cost a month, by hand and by the table."""

import pytest

from checkout import ENVIRONMENTS
from iot_pipeline_cfn.review.prices import amount, compare, monthly, total
from iot_pipeline_cfn.review.remarks import Severity
from resolution import resolve

TOKYO, VIRGINIA = "ap-northeast-1", "us-east-1"


@pytest.fixture(scope="module")
def resources(template):
    """A function from parameters to the resources of an environment that has an image."""
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
def test_every_kind_costs_what_it_costs(resources, kind, region, expected):
    """At 730 hours a month."""
    found = monthly(resources(**ENVIRONMENTS[kind]), region)
    assert total(found) == pytest.approx(expected)


def test_four_endpoints_in_two_zones_cost_81_76_in_tokyo(resources):
    """More than a NAT gateway, which costs 45.26."""
    found = monthly(resources(), TOKYO)
    endpoints = [item for item in found if "endpoint" in item.what]
    assert [item.quantity for item in endpoints] == [2, 2, 2, 2]
    assert total(endpoints) == pytest.approx(81.76)


def test_without_an_image_no_task_costs_anything(template):
    """The service is there and asks for none."""
    assert "Service" not in {
        item.logical_id for item in monthly(resolve(template, {})["Resources"], TOKYO)
    }


def test_what_is_not_in_the_table_is_not_guessed(resources):
    """The total is then a least one, and the size is named once it changes."""
    small, large = resources(), resources(**ENVIRONMENTS["prod"])
    found = monthly(large, TOKYO)
    assert {item.what for item in found if item.monthly is None} == {
        "db.m7g.large postgres",
        "cache.m7g.large redis",
    }
    assert amount(found) == "at least $287.28"
    remarks = compare(small, large, region=TOKYO)
    assert [(each.severity, each.subject, each.message) for each in remarks[1:]] == [
        (
            Severity.NOTE,
            "Database",
            "the price of db.m7g.large postgres in ap-northeast-1 is not in the table",
        ),
        (
            Severity.NOTE,
            "Cache",
            "the price of cache.m7g.large redis in ap-northeast-1 is not in the table",
        ),
    ]
    assert not compare(large, large, region=TOKYO)
    ((arm),) = [
        each for each in monthly(resources(CpuArchitecture="ARM64"), TOKYO) if "ARM64" in each.what
    ]
    assert arm.monthly is None


def test_difference_names_what_makes_it(resources):
    """A NAT gateway and its address, one way and the other."""
    without, single = resources(NatGateways="none"), resources(NatGateways="single")
    (more,) = compare(without, single, region=TOKYO)
    assert more.severity is Severity.CHANGE
    assert more.message == "about $48.91 more a month: NatElasticIp1, NatGateway1"
    assert (more.before, more.after) == ("$191.04", "$239.95")
    (less,) = compare(single, without, region=TOKYO)
    assert less.message == "about $48.91 less a month: NatElasticIp1, NatGateway1"


def test_what_becomes_another_size_without_price_saves_nothing(resources):
    """Neither way: the price that is known is no difference."""
    small, large = resources(), resources(DatabaseInstanceClass="db.m7g.large")
    for before, after in ((small, large), (large, small)):
        (remark,) = compare(before, after, region=TOKYO)
        assert (remark.severity, remark.subject) == (Severity.NOTE, "Database")
        assert "db.m7g.large postgres in ap-northeast-1 is not in the table" in remark.message


def test_spot_is_said_to_cost_less(resources):
    """Its price changes all the time."""
    before, after = resources(), resources(CapacityProvider="FARGATE_SPOT")
    assert any("Spot costs less" in item.what for item in monthly(after, TOKYO))
    assert total(monthly(before, TOKYO)) == total(monthly(after, TOKYO))


def test_region_that_is_not_in_the_table_is_said_to_be_unknown(resources):
    """And only where there is something to be said."""
    before, after = resources(), resources(NatGateways="per-zone")
    (remark,) = compare(before, after, region="eu-central-1")
    assert (remark.severity, remark.before, remark.after) == (Severity.NOTE, "", "")
    assert "no eu-central-1" in remark.message
    assert not compare(before, before, region="eu-central-1")
