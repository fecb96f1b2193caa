"""Zones in which AWS offers what is placed in one."""

import pytest

from iot_pipeline_cfn.template.zones import OFFERS
from resolution import of_type


@pytest.mark.parametrize(
    ("resource_type", "zone_id", "covered"),
    [
        ("ApiGatewayV2::VpcLink", "use1-az3", False),
        ("ApiGatewayV2::VpcLink", "use1-az4", True),
        ("ApiGatewayV2::VpcLink", "use1-az13", False),
        ("ApiGatewayV2::VpcLink", "apne3-az1", None),
        ("EC2::NatGateway", "apne1-az3", False),
        ("EC2::NatGateway", "apne1-az1", True),
        ("EC2::NatGateway", "use1-az3", True),
    ],
)
def test_offer_covers_a_zone_as_its_source_says(resource_type, zone_id, covered):
    assert OFFERS[f"AWS::{resource_type}"].covers(zone_id) is covered


def test_every_offer_is_of_a_type_in_the_template(template):
    for resource_type in OFFERS:
        assert of_type(template, resource_type.removeprefix("AWS::")), resource_type
