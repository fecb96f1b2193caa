"""Security groups of a template: their rules, and the resources that carry them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import (
    Resources,
    mappings,
    of_type,
    possible_values,
    properties_of,
    short_text_of,
    type_of,
)
from iot_pipeline_cfn.template.references import walk

from .addresses import Network, is_within, parse_network
from .ports import ALL_PROTOCOLS, Ports, ports_of

EVERYWHERE: Final = "0.0.0.0/0"
GROUP_TYPE: Final = "AWS::EC2::SecurityGroup"

DEFAULT_EGRESS: Final[Sequence[Mapping[str, Any]]] = (
    {"CidrIp": EVERYWHERE, "IpProtocol": ALL_PROTOCOLS},
    {"CidrIpv6": "::/0", "IpProtocol": ALL_PROTOCOLS},
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
        network: The range of addresses, if it is one.
        is_resource: Whether it is a resource of the template.

    """

    name: str
    network: Network | None = None
    is_resource: bool = False

    @property
    def is_everyone(self) -> bool:
        """Whether it is every IPv4 address, which every resource has one of."""
        return self.name == EVERYWHERE

    def includes(self, other: "Peer") -> bool:
        """Return whether it is the other one, or a range with all of its addresses."""
        return self.name == other.name or is_within(other.network, self.network)


@dataclass(frozen=True)
class SecurityRule:
    """One rule: the other end of the connections, and the ports."""

    peer: Peer
    ports: Ports


def carriers(resources: Resources) -> dict[str, frozenset[str]]:
    """Return the security groups of each resource that carries some."""
    found = {
        name: frozenset(_carried(properties_of(resource)))
        for name, resource in resources.items()
        if not type_of(resource).startswith(GROUP_TYPE)
    }
    return {name: groups for name, groups in found.items() if groups}


def _carried(value: object) -> Iterator[str]:
    for part in walk(value):
        if isinstance(part, dict):
            for key in part.keys() & CARRYING_PROPERTIES:
                yield from map(_group_name, possible_values(part[key]))


def _group_name(value: object) -> str:
    return short_text_of(value).removesuffix(".GroupId")


def rules_of(resources: Resources, direction: str) -> dict[str, list[SecurityRule]]:
    """Return the rules of each group, `Ingress` or `Egress`."""
    bodies: dict[str, list[Mapping[str, Any]]] = {}
    for name, group in of_type(resources, GROUP_TYPE).items():
        own = list(mappings(group.get(f"SecurityGroup{direction}")))
        bodies[name] = own or list(DEFAULT_EGRESS if direction == "Egress" else ())
    for rule in of_type(resources, f"{GROUP_TYPE}{direction}").values():
        for named in possible_values(rule.get("GroupId", rule.get("GroupName"))):
            bodies.setdefault(_group_name(named), []).append(rule)
    end = "Source" if direction == "Ingress" else "Destination"
    return {
        name: [SecurityRule(peer, ports_of(body)) for body in found for peer in _peers(body, end)]
        for name, found in bodies.items()
    }


def _peers(rule: Mapping[str, Any], end: str) -> Iterator[Peer]:
    """Yield the peers that a rule names, without loopback addresses, which reach nothing."""
    for key in ("CidrIp", "CidrIpv6"):
        for value in possible_values(rule.get(key)):
            network = parse_network(short_text_of(value))
            if network is None or not network.is_loopback:
                yield Peer(str(network or short_text_of(value)), network)
    for key in ("SecurityGroupId", "SecurityGroupName", "PrefixListId"):
        for value in possible_values(rule.get(f"{end}{key}")):
            yield Peer(_group_name(value))
