"""Reachability in a VPC, computed from EC2's descriptions and nothing of this package.

Source and destination have to allow a connection. Within the VPC every subnet has a route to every
other one. From the internet, a connection needs a public address in a subnet with a route to an
internet gateway. Network ACLs are assumed to allow everything.
"""

from dataclasses import dataclass
from ipaddress import ip_network

INTERNET = "the internet"


@dataclass(frozen=True)
class Destination:
    """A part that accepts connections."""

    groups: frozenset[str]
    subnets: frozenset[str]
    public: bool = False


class Network:
    """The subnets, route tables and security groups of a VPC, as EC2 describes them."""

    def __init__(self, *, cidr, subnets, route_tables, security_groups):
        self._cidr = ip_network(cidr)
        self._subnets = {each["SubnetId"]: ip_network(each["CidrBlock"]) for each in subnets}
        self._route_tables = route_tables
        self._groups = {each["GroupId"]: each for each in security_groups}

    def route_table(self, subnet):
        """Return the route table of a subnet: its own, or else the main one."""
        by_subnet = {
            "main" if association.get("Main") else association["SubnetId"]: table
            for table in self._route_tables
            for association in table["Associations"]
        }
        return by_subnet.get(subnet, by_subnet["main"])

    def default_route(self, subnet):
        """Return the ID of the gateway of a subnet's default route, if there is one."""
        return next(
            (
                route.get("NatGatewayId") or route.get("GatewayId")
                for route in self.route_table(subnet)["Routes"]
                if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route["State"] == "active"
            ),
            None,
        )

    def sources(self, destination, port):
        """Return the sources that reach a TCP port: security groups and the internet.

        Groups of other VPCs and prefix lists count if the destination lets them in.
        """
        inside = {group for group in self._groups if self._lets_out(group, destination, port)}
        outside = (
            {INTERNET}
            if destination.public
            and any("igw-" in (self.default_route(each) or "") for each in destination.subnets)
            else set()
        )
        found = set()
        for rule in self._rules(destination.groups, "IpPermissions", port):
            allowed = {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}
            found |= allowed & inside | allowed - self._groups.keys()
            found |= {each["PrefixListId"] for each in rule["PrefixListIds"]}
            for addresses in _ranges(rule):
                if any(addresses.overlaps(subnet) for subnet in self._subnets.values()):
                    found |= inside
                if self._is_outside(addresses):
                    found |= outside
        return found

    def reaches_outside(self, groups, port):
        """Return whether members of security groups may connect to addresses outside the VPC."""
        return any(
            rule["PrefixListIds"] or any(map(self._is_outside, _ranges(rule)))
            for rule in self._rules(groups, "IpPermissionsEgress", port)
        )

    def _lets_out(self, group, destination, port):
        return any(
            {pair["GroupId"] for pair in rule["UserIdGroupPairs"]} & destination.groups
            or any(
                addresses.overlaps(self._subnets[subnet])
                for addresses in _ranges(rule)
                for subnet in destination.subnets
            )
            for rule in self._rules([group], "IpPermissionsEgress", port)
        )

    def _rules(self, groups, direction, port):
        for group in groups:
            for rule in self._groups[group][direction]:
                if rule["IpProtocol"] == "-1" or (
                    rule["IpProtocol"] == "tcp" and rule["FromPort"] <= port <= rule["ToPort"]
                ):
                    yield rule

    def _is_outside(self, addresses):
        return addresses.version != self._cidr.version or not (
            addresses.subnet_of(self._cidr) or addresses.is_loopback
        )


def _ranges(rule):
    yield from (ip_network(each["CidrIp"]) for each in rule["IpRanges"])
    yield from (ip_network(each["CidrIpv6"]) for each in rule["Ipv6Ranges"])
