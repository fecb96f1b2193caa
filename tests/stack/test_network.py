"""Subnets, zones, routes and NAT gateways."""

from ipaddress import ip_network
from itertools import combinations

import pytest

from resolution import of_type, only, resolve

SUBNETS = {
    "PublicSubnet1": "10.0.1.0/24",
    "PublicSubnet2": "10.0.2.0/24",
    "PrivateSubnet1": "10.0.3.0/24",
    "PrivateSubnet2": "10.0.4.0/24",
}


def routes(environment):
    """Return subnet, destination and gateway of every route."""
    tables = {
        association["SubnetId"]["Ref"]: association["RouteTableId"]["Ref"]
        for association in of_type(environment, "EC2::SubnetRouteTableAssociation").values()
    }
    return {
        (subnet, route["DestinationCidrBlock"], target["Ref"])
        for subnet, table in tables.items()
        for route in of_type(environment, "EC2::Route").values()
        if route["RouteTableId"]["Ref"] == table
        for key in ("GatewayId", "NatGatewayId")
        if (target := route.get(key))
    }


def test_vpc_has_dns_support_and_host_names(environments):
    """Private DNS of interface endpoints requires both settings."""
    vpc = only(environments["defaults"], "EC2::VPC")
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert vpc["EnableDnsSupport"] is vpc["EnableDnsHostnames"] is True


def test_subnets_do_not_overlap_and_assign_no_public_addresses(environments):
    subnets = of_type(environments["defaults"], "EC2::Subnet")
    assert {name: subnet["CidrBlock"] for name, subnet in subnets.items()} == SUBNETS
    ranges = [ip_network(subnet["CidrBlock"]) for subnet in subnets.values()]
    vpc = ip_network(only(environments["defaults"], "EC2::VPC")["CidrBlock"])
    assert all(found.subnet_of(vpc) for found in ranges)
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    assert all(subnet["MapPublicIpOnLaunch"] is False for subnet in subnets.values())


@pytest.mark.parametrize(
    ("given", "zones"),
    [
        ({}, [{"Fn::Select": [n, {"Fn::GetAZs": "ap-northeast-1"}]} for n in ("0", "1")]),
        (
            {"AvailabilityZone1": "ap-northeast-1c", "AvailabilityZone2": "ap-northeast-1d"},
            ["ap-northeast-1c", "ap-northeast-1d"],
        ),
    ],
)
def test_each_zone_has_a_public_and_a_private_subnet(template, given, zones):
    subnets = of_type(resolve(template, given), "EC2::Subnet")
    for kind in ("Public", "Private"):
        assert [subnets[f"{kind}Subnet{n}"]["AvailabilityZone"] for n in (1, 2)] == zones


@pytest.mark.parametrize(
    ("nat_gateways", "gateways_of_routes"),
    [
        ("none", []),
        ("single", ["NatGateway1", "NatGateway1"]),
        ("per-zone", ["NatGateway1", "NatGateway2"]),
    ],
)
def test_private_subnets_route_through_the_nat_gateway_of_their_zone(
    template, nat_gateways, gateways_of_routes
):
    environment = resolve(template, {"NatGateways": nat_gateways})
    assert routes(environment) == {
        ("PublicSubnet1", "0.0.0.0/0", "InternetGateway"),
        ("PublicSubnet2", "0.0.0.0/0", "InternetGateway"),
    } | {
        (f"PrivateSubnet{number}", "0.0.0.0/0", gateway)
        for number, gateway in enumerate(gateways_of_routes, 1)
    }
    gateways = of_type(environment, "EC2::NatGateway")
    assert gateways.keys() == set(gateways_of_routes)
    for name, gateway in gateways.items():
        assert gateway["SubnetId"] == {"Ref": f"PublicSubnet{name[-1]}"}
        assert gateway["AllocationId"] == {
            "Fn::GetAtt": [f"NatElasticIp{name[-1]}", "AllocationId"]
        }


def test_existing_elastic_ip_replaces_the_first_of_the_stack(template):
    given = {"NatElasticIpAllocationId": "eipalloc-0123456789abcdef0"}
    single = resolve(template, given)
    assert not of_type(single, "EC2::EIP")
    assert only(single, "EC2::NatGateway")["AllocationId"] == given["NatElasticIpAllocationId"]
    assert of_type(resolve(template, given | {"NatGateways": "per-zone"}), "EC2::EIP").keys() == {
        "NatElasticIp2"
    }


def test_internet_gateway_is_attached_to_the_vpc(environments):
    assert only(environments["most"], "EC2::VPCGatewayAttachment") == {
        "InternetGatewayId": {"Ref": "InternetGateway"},
        "VpcId": {"Ref": "Vpc"},
    }
