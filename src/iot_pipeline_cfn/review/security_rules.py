"""Security groups of a template: their rules, and the resources that carry them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import (
    Resources,
    mappings,
    of_type,
    possible_values,
    properties_of,
    short_text_of,
    text_of,
    type_of,
)

from .addresses import Network, is_within, parse_network
from .ports import ALL_PROTOCOLS, Ports, ports_of

ANY_IPV4: Final = IPv4Network("0.0.0.0/0")
ANY_IPV6: Final = IPv6Network("::/0")
GROUP_TYPE: Final = "AWS::EC2::SecurityGroup"

DEFAULT_EGRESS: Final[Sequence[Mapping[str, Any]]] = (
    {"CidrIp": str(ANY_IPV4), "IpProtocol": ALL_PROTOCOLS},
    {"CidrIpv6": str(ANY_IPV6), "IpProtocol": ALL_PROTOCOLS},
)
"""The egress rules that EC2 gives a group that has none."""

CARRYING_PROPERTIES: Final = frozenset(
    {
        *("GroupSet", "SecurityGroupIdList", "SecurityGroupIds", "SecurityGroups"),
        *("VPCSecurityGroups", "VpcSecurityGroupIds", "VpcSecurityGroups"),
    }
)
"""Properties of any type that name the security groups of a resource."""


@dataclass(frozen=True)
class Peer:
    """One end of a connection.

    Attributes:
        name: A logical ID, a range of addresses, a prefix list, or the ID of a foreign group.
        groups: The security groups that it carries; a prefix list counts as one.
        network: The range that its addresses are in.
        is_range: Whether it is the whole range.
        is_resource: Whether it is a resource of the template.

    """

    name: str
    groups: frozenset[str] = frozenset()
    network: Network | None = None
    is_range: bool = False
    is_resource: bool = False

    def includes(self, other: "Peer") -> bool:
        """Return whether a rule for this peer applies to all of another one."""
        return bool(self.groups & other.groups) or (
            self.is_range and is_within(other.network, self.network)
        )


@dataclass(frozen=True)
class Rule:
    """One rule: the other end of the connections, and the ports."""

    peer: Peer
    ports: Ports


Rules = Mapping[str, Sequence[Rule]]
"""Rules by the security group that they belong to."""


def range_peer(network: Network) -> Peer:
    """Return a range of addresses as a peer."""
    return Peer(str(network), network=network, is_range=True)


def group_networks(resources: Resources) -> dict[str, Network]:
    """Return the addresses that the carriers of each group may have: those of its VPC."""
    vpcs = _vpc_networks(resources)
    # With a second range of addresses, the first one says nothing about a resource's.
    extended = {
        group_name(block.get("VpcId"))
        for block in of_type(resources, "AWS::EC2::VPCCidrBlock").values()
    }
    networks = {}
    for name, group in of_type(resources, GROUP_TYPE).items():
        vpc = group_name(group.get("VpcId"))
        known = None if vpc in extended else parse_network(vpcs.get(f"${{{vpc}.CidrBlock}}", ""))
        networks[name] = known or ANY_IPV4
    return networks


def _vpc_networks(resources: Resources) -> dict[str, str]:
    return {
        f"${{{name}.CidrBlock}}": text_of(vpc.get("CidrBlock"))
        for name, vpc in of_type(resources, "AWS::EC2::VPC").items()
    }


def group_name(value: object) -> str:
    """Return the logical ID of a resource that is referred to, or the ID that is given."""
    return short_text_of(value).removesuffix(".GroupId")


def carriers(resources: Resources) -> dict[str, frozenset[str]]:
    """Return the security groups of each resource that carries some."""
    found = {
        name: frozenset(_carried(properties_of(resource)))
        for name, resource in resources.items()
        if not type_of(resource).startswith(GROUP_TYPE)
    }
    return {name: groups for name, groups in found.items() if groups}


def _carried(value: object) -> Iterator[str]:
    to_do = [value]
    while to_do:
        part = to_do.pop()
        if isinstance(part, dict):
            for key in part.keys() & CARRYING_PROPERTIES:
                yield from map(group_name, possible_values(part[key]))
            part = list(part.values())
        if isinstance(part, list):
            to_do += [inner for inner in part if isinstance(inner, dict | list)]


def rules_of(resources: Resources, direction: str) -> dict[str, list[Rule]]:
    """Return the rules of each group, `Ingress` or `Egress`."""
    bodies: dict[str, list[Mapping[str, Any]]] = {}
    for name, group in of_type(resources, GROUP_TYPE).items():
        own = list(mappings(group.get(f"SecurityGroup{direction}")))
        bodies[name] = own or list(DEFAULT_EGRESS if direction == "Egress" else ())
    for rule in of_type(resources, f"{GROUP_TYPE}{direction}").values():
        for named in possible_values(rule.get("GroupId", rule.get("GroupName"))):
            bodies.setdefault(group_name(named), []).append(rule)
    vpcs = _vpc_networks(resources)
    end = "Source" if direction == "Ingress" else "Destination"
    return {
        name: [Rule(peer, ports_of(body)) for body in found for peer in _peers(body, end, vpcs)]
        for name, found in bodies.items()
    }


def _peers(rule: Mapping[str, Any], end: str, vpcs: Mapping[str, str]) -> Iterator[Peer]:
    """Yield the peers that a rule names, without loopback addresses, which reach nothing."""
    for key, everyone in (("CidrIp", ANY_IPV4), ("CidrIpv6", ANY_IPV6)):
        for value in possible_values(rule.get(key)):
            text = text_of(value)
            network = parse_network(vpcs.get(text, text))
            if network is None:
                yield Peer(short_text_of(value), frozenset({text}), everyone)
            elif not network.is_loopback:
                yield range_peer(network)
    for key in (f"{end}SecurityGroupId", f"{end}SecurityGroupName"):
        for name in map(group_name, possible_values(rule.get(key))):
            yield Peer(name, frozenset({name}), ANY_IPV4)
    for value in possible_values(rule.get(f"{end}PrefixListId")):
        yield Peer(short_text_of(value), frozenset({text_of(value)}))


def collapse(rules: Iterable[Rule]) -> list[Rule]:
    """Return rules with adjacent ranges of addresses made one."""
    others: list[Rule] = []
    ranges: dict[tuple[Ports, int], list[Network]] = defaultdict(list)
    for rule in rules:
        if rule.peer.is_range and rule.peer.network:
            ranges[rule.ports, rule.peer.network.version].append(rule.peer.network)
        else:
            others.append(rule)
    for (ports, _), networks in ranges.items():
        collapsed = collapse_addresses(networks)  # type: ignore[type-var] # Of one version.
        others += [Rule(range_peer(network), ports) for network in collapsed]
    return others
