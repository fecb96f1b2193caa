"""The VPC: its subnets, their ways out, and the endpoints that make the way shorter."""

import pytest

from .observed import ENDPOINTS, PRIVATE, PUBLIC, check

CIDRS = {
    "PublicSubnet1": "10.0.1.0/24",
    "PublicSubnet2": "10.0.2.0/24",
    "PrivateSubnet1": "10.0.3.0/24",
    "PrivateSubnet2": "10.0.4.0/24",
}


def zone(environment, subnet):
    return environment.subnets[environment.outputs[f"{subnet}Id"]]["AvailabilityZone"]


def test_vpc_has_its_range(environment):
    """The one that is an output too."""
    vpc = environment.outputs["VpcId"]
    described = environment.one("ec2", "describe_vpcs", "Vpcs", VpcIds=[vpc])
    check(vpc, described, {"CidrBlock": "10.0.0.0/16", "State": "available"})
    check("the outputs", environment.outputs, {"VpcCidr": described["CidrBlock"]})


@pytest.mark.parametrize("attribute", ["enableDnsSupport", "enableDnsHostnames"])
def test_vpc_resolves_names(environment, attribute):
    """Without, private DNS leads nobody to the endpoints."""
    vpc = environment.outputs["VpcId"]
    key = attribute[0].upper() + attribute[1:]
    answer = environment.asked("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)
    assert answer[key]["Value"], f"{vpc}: {attribute} is off"


def test_subnets_have_their_ranges(environment):
    """And give no public address to what starts in them."""
    for name, cidr in CIDRS.items():
        subnet = environment.outputs[f"{name}Id"]
        assert subnet in environment.subnets, f"{name} {subnet} is not in the VPC"
        check(
            f"{name} {subnet}",
            environment.subnets[subnet],
            {"CidrBlock": cidr, "MapPublicIpOnLaunch": False},
        )


def test_subnets_are_in_two_zones(environment):
    """A public and a private one in each."""
    zones = [zone(environment, name) for name in PRIVATE]
    assert len(set(zones)) == 2, f"both private subnets are in {zones[0]}"
    assert [zone(environment, name) for name in PUBLIC] == zones, (
        "the public subnets are not in the zones of the private ones, "
        f"{zones}: a NAT gateway in another zone costs by the gigabyte"
    )


def test_public_subnets_route_to_the_internet_gateway(environment):
    """The one of this VPC."""
    gateway = environment.one(
        "ec2",
        "describe_internet_gateways",
        "InternetGateways",
        Filters=[{"Name": "attachment.vpc-id", "Values": [environment.outputs["VpcId"]]}],
    )["InternetGatewayId"]
    for name in PUBLIC:
        way_out = environment.network.way_out(environment.outputs[f"{name}Id"])
        assert way_out == gateway, f"{name} routes to {way_out} and not to {gateway}"


def test_private_subnets_route_through_the_nat_gateway(environment):
    """Each through that of its zone where there is one for each; without any, nowhere."""
    outputs = environment.outputs
    gateways = {
        "none": (None, None),
        "single": ("NatGateway1Id", "NatGateway1Id"),
        "per-zone": ("NatGateway1Id", "NatGateway2Id"),
    }[environment.parameters["NatGateways"]]
    for name, output in zip(PRIVATE, gateways, strict=True):
        wanted = outputs[output] if output else None
        way_out = environment.network.way_out(outputs[f"{name}Id"])
        assert way_out == wanted, (
            f"{name}: the default route leads to {way_out} and should lead to {wanted}"
        )


def test_nat_gateways_work(environment):
    """Each in the public subnet of its zone, with an Elastic IP; and there are no others."""
    found = environment.listed(
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
        environment.one(
            "ec2", "describe_addresses", "Addresses", AllocationIds=[address["AllocationId"]]
        )


def test_endpoints_are_available(environment):
    """The five that a task needs to start."""
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
    """By name, in the private subnets; and S3 by a route of each, so not past the NAT gateway."""
    multi_zone = environment.chooses("Availability", "multi-zone")
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
