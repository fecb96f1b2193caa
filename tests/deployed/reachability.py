"""Who can open a connection to what, computed from what EC2 says of a VPC.

Both ends have to allow it. Within the VPC every subnet has a route to every other one. From
outside, a connection arrives only at what has a public address, in a subnet with a route to an
internet gateway. Network ACLs are taken to let everything through.
"""

from dataclasses import dataclass
from ipaddress import ip_network

INTERNET = "the internet"


@dataclass(frozen=True)
class End:
    """What takes connections: its security groups and subnets, and if its address is public."""

    groups: frozenset[str]
    subnets: frozenset[str]
    public: bool = False


class Network:
    """A VPC, as EC2 describes its subnets, route tables and security groups."""

    def __init__(self, *, cidr, subnets, route_tables, security_groups):
        self._cidr = ip_network(cidr)
        self._subnets = {each["SubnetId"]: ip_network(each["CidrBlock"]) for each in subnets}
        self._route_tables = route_tables
        self._groups = {each["GroupId"]: each for each in security_groups}

    def route_table(self, subnet):
        """Return the route table of a subnet: its own, else the VPC's."""
        by_subnet = {
            "main" if association.get("Main") else association["SubnetId"]: table
            for table in self._route_tables
            for association in table["Associations"]
        }
        return by_subnet.get(subnet, by_subnet["main"])

    def way_out(self, subnet):
        """Return the id of the gateway by which a subnet reaches any address, if there is one."""
        return next(
            (
                route.get("NatGatewayId") or route.get("GatewayId")
                for route in self.route_table(subnet)["Routes"]
                if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route["State"] == "active"
            ),
            None,
        )

    def sources(self, end, port):
        """Return who reaches a port of an end by TCP.

        That is: the ids of security groups whose members do, of groups and prefix lists that are
        let in and of which nothing is known here, and the internet.
        """
        inside = {group for group in self._groups if self._lets_out(group, end, port)}
        outside = (
            {INTERNET}
            if end.public and any("igw-" in (self.way_out(each) or "") for each in end.subnets)
            else set()
        )
        found = set()
        for rule in self._rules(end.groups, "IpPermissions", port):
            let_in = {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}
            found |= let_in & inside | let_in - self._groups.keys()
            found |= {each["PrefixListId"] for each in rule["PrefixListIds"]}
            for addresses in _ranges(rule):
                if any(addresses.overlaps(subnet) for subnet in self._subnets.values()):
                    found |= inside
                if self._leads_outside(addresses):
                    found |= outside
        return found

    def leaves(self, groups, port):
        """Return whether members of security groups may connect to addresses outside of the VPC."""
        return any(
            rule["PrefixListIds"] or any(map(self._leads_outside, _ranges(rule)))
            for rule in self._rules(groups, "IpPermissionsEgress", port)
        )

    def _lets_out(self, group, end, port):
        return any(
            {pair["GroupId"] for pair in rule["UserIdGroupPairs"]} & end.groups
            or any(
                addresses.overlaps(self._subnets[subnet])
                for addresses in _ranges(rule)
                for subnet in end.subnets
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

    def _leads_outside(self, addresses):
        return addresses.version != self._cidr.version or not (
            addresses.subnet_of(self._cidr) or addresses.is_loopback
        )


def _ranges(rule):
    yield from (ip_network(each["CidrIp"]) for each in rule["IpRanges"])
    yield from (ip_network(each["CidrIpv6"]) for each in rule["Ipv6Ranges"])
