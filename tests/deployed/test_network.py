"""The VPC: its subnets, routes and endpoints."""

import pytest

from .observed import ENDPOINTS, PRIVATE, PUBLIC, check

PUBLIC_CIDRS = ["10.0.1.0/24", "10.0.2.0/24"]
PRIVATE_CIDRS = ["10.0.3.0/24", "10.0.4.0/24"]
SHARED_PRIVATE_CIDRS = ["10.0.8.0/21", "10.0.16.0/21"]


def zone(environment, subnet):
    return environment.subnets[environment.outputs[f"{subnet}Id"]]["AvailabilityZone"]


def test_vpc_has_its_range(environment):
    vpc = environment.outputs["VpcId"]
    described = environment.describe("ec2", "describe_vpcs", "Vpcs", VpcIds=[vpc])
    check(vpc, described, {"CidrBlock": "10.0.0.0/16", "State": "available"})
    check("the outputs", environment.outputs, {"VpcCidr": described["CidrBlock"]})


@pytest.mark.parametrize("attribute", ["enableDnsSupport", "enableDnsHostnames"])
def test_vpc_resolves_names(environment, attribute):
    vpc = environment.outputs["VpcId"]
    key = attribute[0].upper() + attribute[1:]
    answer = environment.call("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)
    assert answer[key]["Value"], f"{vpc}: {attribute} is off"


def test_subnets_have_their_ranges(environment):
    private = SHARED_PRIVATE_CIDRS if environment.shares_network else PRIVATE_CIDRS
    for name, cidr in zip(PUBLIC + PRIVATE, PUBLIC_CIDRS + private, strict=True):
        subnet = environment.outputs[f"{name}Id"]
        assert subnet in environment.subnets, f"{name} {subnet} is not in the VPC"
        check(
            f"{name} {subnet}",
            environment.subnets[subnet],
            {"CidrBlock": cidr, "MapPublicIpOnLaunch": False},
        )


def test_subnets_are_in_two_zones(environment):
    zones = [zone(environment, name) for name in PRIVATE]
    assert len(set(zones)) == 2, f"both private subnets are in {zones[0]}"
    assert [zone(environment, name) for name in PUBLIC] == zones, (
        "the public subnets are not in the zones of the private ones, "
        f"{zones}: a NAT gateway in another zone costs by the gigabyte"
    )


def test_public_subnets_route_to_the_internet_gateway(environment):
    gateway = environment.describe(
        "ec2",
        "describe_internet_gateways",
        "InternetGateways",
        Filters=[{"Name": "attachment.vpc-id", "Values": [environment.outputs["VpcId"]]}],
    )["InternetGatewayId"]
    for name in PUBLIC:
        route = environment.network.default_route(environment.outputs[f"{name}Id"])
        assert route == gateway, f"{name} routes to {route} and not to {gateway}"


def test_private_subnets_route_through_the_nat_gateway(environment):
    outputs = environment.outputs
    gateways = {
        "none": (None, None),
        "single": ("NatGateway1Id", "NatGateway1Id"),
        "per-zone": ("NatGateway1Id", "NatGateway2Id"),
    }[environment.parameters["NatGateways"]]
    for name, output in zip(PRIVATE, gateways, strict=True):
        wanted = outputs[output] if output else None
        route = environment.network.default_route(outputs[f"{name}Id"])
        assert route == wanted, (
            f"{name}: the default route leads to {route} and should lead to {wanted}"
        )


def test_nat_gateways_are_available(environment):
    found = environment.list(
        "ec2", "describe_nat_gateways", "NatGateways", Filter=environment.in_vpc
    )
    gateways = {each["NatGatewayId"]: each for each in found if each["State"] != "deleted"}
    wanted = {"none": 0, "single": 1, "per-zone": 2}[environment.parameters["NatGateways"]]
    assert len(gateways) == wanted, f"there are {len(gateways)} NAT gateways and not {wanted}"
    for name in PUBLIC[:wanted]:
        gateway = environment.outputs[f"NatGateway{name[-1]}Id"]
        subnet = environment.outputs[f"{name}Id"]
        check(gateway, gateways[gateway], {"State": "available", "SubnetId": subnet})
        (address,) = gateways[gateway]["NatGatewayAddresses"]
        environment.describe(
            "ec2", "describe_addresses", "Addresses", AllocationIds=[address["AllocationId"]]
        )


def test_endpoints_are_available(environment):
    for name, service in ENDPOINTS.items():
        check(
            name,
            environment.endpoints[name],
            {
                "ServiceName": f"com.amazonaws.{environment.connection.region}.{service}",
                "State": "available",
                "VpcEndpointType": "Gateway" if service == "s3" else "Interface",
                "VpcId": environment.outputs["VpcId"],
            },
        )


def test_private_subnets_reach_services_by_the_endpoints(environment):
    multi_zone = environment.network_stack.parameters["Availability"] == "multi-zone"
    subnets = environment.ids(PRIVATE if multi_zone else PRIVATE[:1])
    tables = {
        environment.network.route_table(subnet)["RouteTableId"]
        for subnet in environment.ids(PRIVATE)
    }
    for name, endpoint in environment.endpoints.items():
        if endpoint["VpcEndpointType"] == "Gateway":
            assert set(endpoint["RouteTableIds"]) == tables, (
                f"{name} is on the route tables {endpoint['RouteTableIds']} "
                f"and should be on those of the private subnets, {sorted(tables)}"
            )
        else:
            check(name, endpoint, {"PrivateDnsEnabled": True})
            assert set(endpoint["SubnetIds"]) == subnets, (
                f"{name} is in {endpoint['SubnetIds']} and should be in {sorted(subnets)}"
            )
