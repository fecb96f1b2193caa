"""Protocols and ports of security group rules.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import short_text_of

ALL_PROTOCOLS: Final = "-1"
LAST_PORT: Final = 65535
PROTOCOL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
)


@dataclass(frozen=True, order=True)
class Ports:
    """A range of ports of one protocol.

    Attributes:
        protocol: Its name, or `-1` for all protocols.
        first: The first port.
        last: The last port.
        opaque: Bounds that are no port numbers: references, and types and codes of ICMP.

    """

    protocol: str
    first: int = 0
    last: int = LAST_PORT
    opaque: str = ""

    def __str__(self) -> str:
        """Return the ports as `tcp 443`, `udp 5000-6000`, `tcp` for all, `all` for everything."""
        if self.protocol == ALL_PROTOCOLS:
            return "all"
        if self.is_all():
            return self.protocol
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {self.opaque or span}"

    def is_all(self) -> bool:
        """Return whether these are all ports of the protocol."""
        return not self.opaque and (self.first, self.last) == (0, LAST_PORT)

    def common(self, other: "Ports") -> "Ports | None":
        """Return the ports that are in both ranges."""
        if ALL_PROTOCOLS in (self.protocol, other.protocol):
            return other if self.protocol == ALL_PROTOCOLS else self
        if self.protocol != other.protocol:
            return None
        if self.opaque or other.opaque:
            return self if self.opaque else other
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Ports(self.protocol, first, last) if first <= last else None

    def without(self, other: "Ports") -> "list[Ports]":
        """Return the parts of the range that are outside another one."""
        if other.protocol not in (ALL_PROTOCOLS, self.protocol):
            return [self]
        if other.is_all():
            return []
        if self.opaque or other.opaque:
            return [] if self.opaque == other.opaque else [self]
        sides = (
            (self.first, min(self.last, other.first - 1)),
            (max(self.first, other.last + 1), self.last),
        )
        return [Ports(self.protocol, first, last) for first, last in sides if first <= last]


def ports_of(rule: Mapping[str, Any]) -> Ports:
    """Return the ports of a rule; only TCP, UDP and ICMP can have a part of them."""
    text = short_text_of(rule.get("IpProtocol")).lower()
    protocol = PROTOCOL_NAMES.get(text, text)
    bounds = [short_text_of(rule.get(key, -1)) for key in ("FromPort", "ToPort")]
    if protocol not in PROTOCOL_NAMES.values() or bounds[0] == "-1":
        return Ports(protocol)
    if protocol in {"tcp", "udp"} and all(bound.isdecimal() for bound in bounds):
        first, last = sorted(map(int, bounds))
        return Ports(protocol, first, min(last, LAST_PORT))
    return Ports(protocol, opaque="-".join(dict.fromkeys(bounds)))


def subtract(ports: Iterable[Ports], others: Iterable[Ports]) -> list[Ports]:
    """Return the parts of the ports that are outside all the others."""
    left = list(ports)
    for other in others:
        left = [piece for one in left for piece in one.without(other)]
    return left
