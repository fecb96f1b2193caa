"""Subnets, zones, routes and NAT gateways."""

from ipaddress import ip_network
from itertools import combinations

import pytest

from resolution import of_type, only, resolve, waits_for

SUBNETS = {
    "PublicSubnet1": "10.0.1.0/24",
    "PublicSubnet2": "10.0.2.0/24",
    "PrivateSubnet1": "10.0.3.0/24",
    "PrivateSubnet2": "10.0.4.0/24",
}


def routes(environment):
    """Return (subnet, destination, what it goes through) of every route."""
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


def test_vpc_resolves_names_for_the_endpoints(environments):
    """Private DNS of interface endpoints needs both settings."""
    vpc = only(environments["defaults"], "EC2::VPC")
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert vpc["EnableDnsSupport"] is vpc["EnableDnsHostnames"] is True


def test_subnets_lie_in_the_vpc_side_by_side(environments):
    """Two public and two private, none overlapping, none giving out public addresses."""
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
        (
            {},
            [{"Fn::Select": [0, {"Fn::GetAZs": ""}]}, {"Fn::Select": [1, {"Fn::GetAZs": ""}]}],
        ),
        (
            {"AvailabilityZone1": "ap-northeast-1c", "AvailabilityZone2": "ap-northeast-1d"},
            ["ap-northeast-1c", "ap-northeast-1d"],
        ),
    ],
)
def test_each_zone_has_a_public_and_a_private_subnet(template, given, zones):
    """Without zones given, in the region's first two."""
    subnets = of_type(resolve(template, given), "EC2::Subnet")
    for kind in ("Public", "Private"):
        assert [subnets[f"{kind}Subnet{n}"]["AvailabilityZone"] for n in (1, 2)] == zones


@pytest.mark.parametrize(
    ("nat_gateways", "ways_out"),
    [
        ("none", []),
        ("single", ["NatGateway1", "NatGateway1"]),
        ("per-zone", ["NatGateway1", "NatGateway2"]),
    ],
)
def test_private_subnets_go_out_through_the_nat_gateways_there_are(
    template, nat_gateways, ways_out
):
    """Through their own zone's where there is one in each, and not at all without."""
    environment = resolve(template, {"NatGateways": nat_gateways})
    assert routes(environment) == {
        ("PublicSubnet1", "0.0.0.0/0", "InternetGateway"),
        ("PublicSubnet2", "0.0.0.0/0", "InternetGateway"),
    } | {
        (f"PrivateSubnet{number}", "0.0.0.0/0", way_out)
        for number, way_out in enumerate(ways_out, 1)
    }
    gateways = of_type(environment, "EC2::NatGateway")
    assert gateways.keys() == set(ways_out)
    for name, gateway in gateways.items():
        assert gateway["SubnetId"] == {"Ref": f"PublicSubnet{name[-1]}"}
        assert gateway["AllocationId"] == {
            "Fn::GetAtt": [f"NatElasticIp{name[-1]}", "AllocationId"]
        }


def test_address_that_exists_takes_the_place_of_the_first(template):
    """Then the stack allocates one Elastic IP less."""
    given = {"NatElasticIpAllocationId": "eipalloc-0123456789abcdef0"}
    single = resolve(template, given)
    assert not of_type(single, "EC2::EIP")
    assert only(single, "EC2::NatGateway")["AllocationId"] == given["NatElasticIpAllocationId"]
    assert of_type(resolve(template, given | {"NatGateways": "per-zone"}), "EC2::EIP").keys() == {
        "NatElasticIp2"
    }


def test_nothing_uses_the_internet_gateway_before_it_is_attached(environments):
    """EC2 refuses a route to it, and load balancers and NAT gateways, until it is."""
    environment = environments["most"]
    users = [*of_type(environment, "EC2::NatGateway"), "PublicDefaultRoute", "LoadBalancer"]
    assert len(users) == 4
    for user in users:
        assert "InternetGatewayAttachment" in waits_for(environment, user), user


def test_flow_logs_cover_the_vpc_where_they_are_wanted(environments):
    """All traffic, accepted and rejected, into a log group of their own."""
    flow_log = only(environments["most"], "EC2::FlowLog")
    assert flow_log["ResourceId"] == {"Ref": "Vpc"}
    assert flow_log["TrafficType"] == "ALL"
    assert flow_log["LogGroupName"] == {"Ref": "FlowLogGroup"}
    assert not of_type(environments["defaults"], "EC2::FlowLog")
