"""Reachability, computed from made-up descriptions of EC2."""

import pytest

from deployed.reachability import INTERNET, Destination, Network

VPC, SUBNETS = "10.0.0.0/16", {"subnet-public": "10.0.1.0/24", "subnet-private": "10.0.3.0/24"}
ANYWHERE = "0.0.0.0/0"
EVERYTHING = {"protocol": "-1", "cidr": ANYWHERE}


def rule(
    *, protocol="tcp", ports=(5432, 5432), cidr=None, cidr6=None, group=None, prefix_list=None
):
    """Return a rule as EC2 describes it."""
    return {
        "IpProtocol": protocol,
        **({} if protocol == "-1" else {"FromPort": ports[0], "ToPort": ports[1]}),
        "IpRanges": [{"CidrIp": cidr}] if cidr else [],
        "Ipv6Ranges": [{"CidrIpv6": cidr6}] if cidr6 else [],
        "PrefixListIds": [{"PrefixListId": prefix_list}] if prefix_list else [],
        "UserIdGroupPairs": [{"GroupId": group}] if group else [],
    }


def table(name, *routes, subnet=None):
    """Return a route table; without a subnet, it is the VPC's own."""
    return {
        "RouteTableId": name,
        "Associations": [{"Main": False, "SubnetId": subnet} if subnet else {"Main": True}],
        "Routes": [
            {"DestinationCidrBlock": VPC, "GatewayId": "local", "State": "active"},
            *(
                {"DestinationCidrBlock": ANYWHERE, "State": state, key: gateway}
                for key, gateway, state in routes
            ),
        ],
    }


def network(*, into=(), out=(EVERYTHING,), route_tables=None):
    """Return a network with the groups `sg-there`, with these rules, and `sg-here`."""
    groups = {"sg-there": (into, []), "sg-here": ([], out)}
    return Network(
        cidr=VPC,
        subnets=[{"SubnetId": name, "CidrBlock": cidr} for name, cidr in SUBNETS.items()],
        route_tables=route_tables
        or [
            table("main"),
            table("public", ("GatewayId", "igw-1", "active"), subnet="subnet-public"),
        ],
        security_groups=[
            {
                "GroupId": name,
                "IpPermissions": [rule(**each) for each in incoming],
                "IpPermissionsEgress": [rule(**each) for each in outgoing],
            }
            for name, (incoming, outgoing) in groups.items()
        ],
    )


THERE = frozenset({"sg-there"})
INSIDE = Destination(THERE, frozenset({"subnet-private"}))
AT_THE_EDGE = Destination(THERE, frozenset({"subnet-public"}), public=True)


@pytest.mark.parametrize(
    ("into", "out", "reached"),
    [
        ({"group": "sg-here"}, EVERYTHING, True),
        ({"group": "sg-here"}, {"group": "sg-there"}, True),
        ({"group": "sg-here"}, {"cidr": "10.0.3.0/24"}, True),
        ({"group": "sg-here"}, {"cidr": "10.0.3.128/25"}, True),
        ({"group": "sg-here"}, {"cidr": "10.0.4.0/24"}, False),
        ({"group": "sg-here"}, {"cidr": "127.0.0.1/32", "protocol": "-1"}, False),
        ({"group": "sg-here"}, {"group": "sg-here"}, False),
        ({"group": "sg-here"}, {"cidr": ANYWHERE, "ports": (443, 443)}, False),
        ({"group": "sg-here", "ports": (443, 443)}, EVERYTHING, False),
        ({"group": "sg-here", "ports": (0, 65535)}, EVERYTHING, True),
        ({"group": "sg-here", "protocol": "udp"}, EVERYTHING, False),
        ({"group": "sg-there"}, EVERYTHING, False),
        ({"cidr": ANYWHERE}, EVERYTHING, True),
        ({"cidr": "10.0.1.7/32"}, EVERYTHING, True),
        ({"cidr": "10.0.9.0/24"}, EVERYTHING, False),
        ({"cidr": "192.168.0.0/16"}, EVERYTHING, False),
        ({"cidr6": "::/0"}, EVERYTHING, False),
        ({"protocol": "-1", "cidr": VPC}, {"group": "sg-there"}, True),
    ],
    ids=str,
)
def test_source_and_destination_have_to_allow_a_connection(into, out, reached):
    found = network(into=[into], out=[out]).sources(INSIDE, 5432)
    assert found == ({"sg-here"} if reached else set())


@pytest.mark.parametrize("source", ["sg-elsewhere", "pl-elsewhere"])
def test_unknown_source_counts_as_a_source(source):
    kind = "group" if source.startswith("sg") else "prefix_list"
    assert network(into=[{kind: source}]).sources(INSIDE, 5432) == {source}


@pytest.mark.parametrize(
    ("end", "into", "reached"),
    [
        (AT_THE_EDGE, {"cidr": ANYWHERE}, True),
        (AT_THE_EDGE, {"cidr": "203.0.113.0/24"}, True),
        (AT_THE_EDGE, {"cidr6": "::/0"}, True),
        (AT_THE_EDGE, {"cidr": VPC}, False),
        (AT_THE_EDGE, {"cidr": ANYWHERE, "ports": (80, 80)}, False),
        (Destination(THERE, AT_THE_EDGE.subnets), {"cidr": ANYWHERE}, False),
        (Destination(THERE, INSIDE.subnets, public=True), {"cidr": ANYWHERE}, False),
    ],
    ids=str,
)
def test_internet_reaches_public_destinations(end, into, reached):
    assert (INTERNET in network(into=[into]).sources(end, 5432)) is reached


@pytest.mark.parametrize(
    ("tables", "route"),
    [
        ([table("main")], None),
        ([table("main", ("GatewayId", "igw-1", "active"))], "igw-1"),
        ([table("main", ("NatGatewayId", "nat-1", "active"))], "nat-1"),
        ([table("main", ("NatGatewayId", "nat-1", "blackhole"))], None),
        (
            [
                table("main", ("GatewayId", "igw-1", "active")),
                table("own", ("NatGatewayId", "nat-1", "active"), subnet="subnet-private"),
            ],
            "nat-1",
        ),
        (
            [
                table("main", ("GatewayId", "igw-1", "active")),
                table("other", subnet="subnet-public"),
            ],
            "igw-1",
        ),
    ],
)
def test_default_route_is_that_of_the_subnet_or_the_main_table(tables, route):
    assert network(route_tables=tables).default_route("subnet-private") == route


@pytest.mark.parametrize(
    ("out", "leaves"),
    [
        (EVERYTHING, True),
        ({"cidr": ANYWHERE, "ports": (443, 443)}, True),
        ({"prefix_list": "pl-1", "ports": (443, 443)}, True),
        ({"cidr6": "::/0", "ports": (443, 443)}, True),
        ({"cidr": ANYWHERE, "ports": (80, 80)}, False),
        ({"cidr": VPC, "protocol": "-1"}, False),
        ({"group": "sg-there", "protocol": "-1"}, False),
        ({"cidr": "127.0.0.1/32", "protocol": "-1"}, False),
    ],
    ids=str,
)
def test_group_reaches_outside_by_a_rule_for_outside_addresses(out, leaves):
    assert network(out=[out]).reaches_outside(["sg-here"], 443) is leaves
