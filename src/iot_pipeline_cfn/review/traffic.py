"""Who reaches which port of whom, before and after: what security groups let through.

A connection needs the egress of the one end and the ingress of the other; answers follow by
themselves (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). Where
routes lead is another matter.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from itertools import product
from types import MappingProxyType
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
from .remarks import Remark, Severity
from .report.access_wording import listing

ANY_IPV4: Final = IPv4Network("0.0.0.0/0")
ANY_IPV6: Final = IPv6Network("::/0")
ANY_PROTOCOL = "-1"
LAST_PORT = 65535
ICMP: Final = frozenset({"icmp", "icmpv6"})
PROTOCOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
)
EGRESS_BY_DEFAULT: Final[Sequence[Mapping[str, Any]]] = (
    {"CidrIp": str(ANY_IPV4), "IpProtocol": ANY_PROTOCOL},
    {"CidrIpv6": str(ANY_IPV6), "IpProtocol": ANY_PROTOCOL},
)
ATTACHING: Final = frozenset(
    {
        "GroupSet",
        "SecurityGroupIdList",
        "SecurityGroupIds",
        "SecurityGroups",
        "VPCSecurityGroups",
        "VpcSecurityGroupIds",
        "VpcSecurityGroups",
    }
)
"""The properties, of whatever type, that say which security groups a resource carries."""


@dataclass(frozen=True)
class Flow:
    """Somebody who reaches ports of somebody.

    An end is the logical id of a security group, a range of addresses, a prefix list, or the id of
    a group that is not in the template. Of ICMP, a port is 256 times the type plus the code. Ports
    that only a stack can tell are text.
    """

    source: str
    target: str
    protocol: str
    from_port: int | str
    to_port: int | str


def flows(resources: Resources) -> frozenset[Flow]:
    """Return the traffic matrix between security groups, and of each with the rest of the world.

    Where a rule names a group of the template, that group's own rules must allow the same. What
    may come from, or go to, a range of addresses stands for itself. Rules are as in
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html.

    Args:
        resources: What is resolved of a template, in which anything may still be a reference.

    """
    matrix = _matrix(resources, {})
    return frozenset(
        Flow(reach.source.label, reach.target.label, ports.protocol, *ports.bounds())
        for reach in matrix.reaches()
        for ports in [reach.ports]
    )


def compare(before: Resources, after: Resources) -> list[Remark]:
    """Return what changes of who reaches whom, by the resources that carry the groups.

    So neither the names of groups nor the form of their rules matter. Exposed is who can be reached
    by more, or can reach more; a new resource with all that reaches it.

    Args:
        before: The resolved resources of an environment, as they are.
        after: The same, as they would be.

    """
    if before == after:
        return []
    old = _matrix(before, _carriers(before))
    new = _matrix(after, _carriers(after))
    return [
        *_attachments(old, new, after),
        *_remarks(old, new, Severity.EXPOSURE),
        *_remarks(old, new, Severity.CHANGE),
    ]


@dataclass(frozen=True, order=True)
class _Ports:
    """Ports of one protocol, or of all; `unknown` says which they are if only a stack can tell."""

    protocol: str
    first: int = 0
    last: int = LAST_PORT
    unknown: str = ""

    def bounds(self) -> tuple[int | str, int | str]:
        return (self.unknown, self.unknown) if self.unknown else (self.first, self.last)

    def is_all(self) -> bool:
        return not self.unknown and (self.first, self.last) == (0, LAST_PORT)

    def common(self, other: "_Ports") -> "_Ports | None":
        if ANY_PROTOCOL in (self.protocol, other.protocol):
            return other if self.protocol == ANY_PROTOCOL else self
        if self.protocol != other.protocol:
            return None
        if self.unknown or other.unknown:
            return self if self.unknown else other
        first, last = max(self.first, other.first), min(self.last, other.last)
        return _Ports(self.protocol, first, last) if first <= last else None

    def without(self, other: "_Ports") -> "list[_Ports]":
        if other.protocol not in (ANY_PROTOCOL, self.protocol):
            return [self]
        if other.is_all():
            return []
        if self.unknown or other.unknown:
            return [] if self.unknown == other.unknown else [self]
        sides = (
            (self.first, min(self.last, other.first - 1)),
            (max(self.first, other.last + 1), self.last),
        )
        return [_Ports(self.protocol, first, last) for first, last in sides if first <= last]

    def text(self) -> str:
        """Return the ports for people: `443`, `53/udp`, `all traffic`."""
        if self.protocol == ANY_PROTOCOL:
            return "all traffic"
        if self.is_all():
            return f"all {self.protocol}"
        if self.unknown:
            return f"{self.unknown}/{self.protocol}"
        if self.protocol in ICMP:
            kinds = _span(self.first // 256, self.last // 256)
            code = f" code {self.first % 256}" if self.first == self.last else ""
            return f"{self.protocol} type {kinds}{code}"
        span = _span(self.first, self.last)
        return span if self.protocol == "tcp" else f"{span}/{self.protocol}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class _End:
    """An end of a connection: the groups that it carries, and its addresses.

    Those are all of `network` where the end is a range, and else lie within it. A prefix list is
    like a group that may have any addresses.
    """

    label: str
    groups: frozenset[str] = frozenset()
    network: Network | None = None
    is_range: bool = False
    is_node: bool = False

    def admits(self, other: "_End") -> bool:
        """Return whether a rule that names this end is for all of the other."""
        return bool(self.groups & other.groups) or (
            self.is_range and is_within(other.network, self.network)
        )

    def text(self) -> str:
        everybody = self.is_range and self.network in (ANY_IPV4, ANY_IPV6)
        return f"the internet ({self.label})" if everybody else self.label


@dataclass(frozen=True)
class _Rule:
    end: _End
    ports: _Ports


_ANYTHING: Final = _Rule(_End("", network=ANY_IPV4, is_range=True), _Ports(ANY_PROTOCOL))
_Rules = Mapping[str, Sequence[_Rule]]


@dataclass(frozen=True)
class _Reach:
    source: _End
    target: _End
    ports: _Ports


@dataclass(frozen=True)
class _Matrix:
    """The rules of every security group, and which groups every node carries.

    `declared` gives the addresses of the template's groups. A node is what carries groups; a group
    that nothing carries is a node of its own.
    """

    declared: Mapping[str, Network]
    ingress: _Rules
    egress: _Rules
    nodes: Mapping[str, frozenset[str]]

    def groups(self, node: str) -> frozenset[str]:
        """Return the groups of a node, or of a group by itself; none where there is no such."""
        return self.nodes.get(node) or frozenset({node} & self.declared.keys())

    def reaches(self) -> Iterator[_Reach]:
        """Yield who reaches whom."""
        ends = {node: self._end(node) for node in self.nodes}
        for node, end in ends.items():
            for rule in self._rules(self.ingress, node):
                if not rule.end.groups & self.declared.keys():
                    yield _Reach(rule.end, end, rule.ports)
            for rule in self._rules(self.egress, node):
                if not rule.end.groups & self.declared.keys():
                    yield _Reach(end, rule.end, rule.ports)
        for source, target in product(ends, repeat=2):
            for ports in self._between(ends[source], ends[target], by_name=True):
                yield _Reach(ends[source], ends[target], ports)

    def missing(self, reach: _Reach) -> list[_Ports]:
        """Return the ports at which this matrix does not let through what another does."""
        source, target = reach.source, reach.target
        is_stranger = source.is_node and not self.groups(source.label)
        if (target.is_node and not self.groups(target.label)) or (
            is_stranger and not target.is_node
        ):
            return [reach.ports]
        if not target.is_node:
            return _left(target, reach.ports, self._rules(self.egress, source.label))
        if source.is_node and not is_stranger:
            left = [reach.ports]
            for ports in self._between(self._end(source.label), self._end(target.label)):
                left = [piece for one in left for piece in one.without(ports)]
            return left
        # Who is new could have come from its addresses, but not by groups that it did not carry.
        caller = replace(source, groups=frozenset()) if is_stranger else source
        return _left(caller, reach.ports, self._rules(self.ingress, target.label))

    def _end(self, node: str) -> _End:
        groups = self.groups(node)
        network = self.declared.get(min(groups), ANY_IPV4)
        return _End(node, groups, network, is_node=True)

    def _rules(self, rules: _Rules, node: str) -> list[_Rule]:
        return [rule for group in sorted(self.groups(node)) for rule in rules.get(group, ())]

    def _between(self, source: _End, target: _End, *, by_name: bool = False) -> set[_Ports]:
        """Return the ports at which both ends let one node reach another.

        With `by_name`, without those that either end opens to addresses only.
        """
        out, into = (
            self._admitted(self.egress, source, target),
            self._admitted(self.ingress, target, source),
        )
        return {
            ports
            for one, other in product(out, into)
            if not by_name or one.end.groups & target.groups or other.end.groups & source.groups
            if (ports := one.ports.common(other.ports))
        }

    def _admitted(self, rules: _Rules, node: _End, other: _End) -> list[_Rule]:
        found = self._rules(rules, node.label)
        if not found and not self.groups(node.label) & self.declared.keys():
            # Nobody here knows its rules.
            found = [_ANYTHING]
        return [rule for rule in found if rule.end.admits(other)]


def _left(end: _End, ports: _Ports, rules: Iterable[_Rule]) -> list[_Ports]:
    """Return the ports at which rules do not admit all of an end."""
    boxes = [(end, ports)]
    for rule in rules:
        boxes = [left for box in boxes for left in _outside(*box, rule)]
    return sorted({left for _, left in boxes})


def _outside(end: _End, ports: _Ports, rule: _Rule) -> Iterator[tuple[_End, _Ports]]:
    """Yield what is left of ports of an end without what a rule admits."""
    inside = end
    if not rule.end.admits(end):
        if not (end.is_range and rule.end.is_range and is_within(rule.end.network, end.network)):
            yield end, ports
            return
        inside = replace(end, network=rule.end.network)
        for network in end.network.address_exclude(rule.end.network):  # type: ignore[union-attr,arg-type]
            yield replace(end, network=network), ports
    for left in ports.without(rule.ports):
        yield inside, left


def _matrix(resources: Resources, carriers: Mapping[str, frozenset[str]]) -> _Matrix:
    groups = of_type(resources, "AWS::EC2::SecurityGroup")
    networks = {
        f"${{{name}.CidrBlock}}": text_of(vpc.get("CidrBlock"))
        for name, vpc in of_type(resources, "AWS::EC2::VPC").items()
    }
    ingress, egress = (_rules(resources, side, networks) for side in ("Ingress", "Egress"))
    carried = frozenset().union(*carriers.values())
    alone = (groups.keys() | ingress.keys() | egress.keys()) - carried
    # With a second range of addresses, the first one says nothing about a group's.
    extended = {
        _group(block.get("VpcId"))
        for block in of_type(resources, "AWS::EC2::VPCCidrBlock").values()
    }

    def network(vpc: str) -> Network:
        known = (
            None if vpc in extended else parse_network(networks.get(f"${{{vpc}.CidrBlock}}", ""))
        )
        return known or ANY_IPV4

    return _Matrix(
        declared={name: network(_group(group.get("VpcId"))) for name, group in groups.items()},
        ingress=ingress,
        egress=egress,
        nodes={**carriers, **{name: frozenset({name}) for name in sorted(alone)}},
    )


def _carriers(resources: Resources) -> dict[str, frozenset[str]]:
    """Return the security groups of everything that carries some."""
    found = {
        name: frozenset(_attached(properties_of(resource)))
        for name, resource in resources.items()
        if not type_of(resource).startswith("AWS::EC2::SecurityGroup")
    }
    return {name: groups for name, groups in found.items() if groups}


def _attached(value: object) -> Iterator[str]:
    """Yield the groups that any part of a resource carries."""
    to_do = [value]
    while to_do:
        part = to_do.pop()
        if isinstance(part, dict):
            for key in part.keys() & ATTACHING:
                yield from map(_group, possible_values(part[key]))
            part = list(part.values())
        if isinstance(part, list):
            to_do += [inner for inner in part if isinstance(inner, dict | list)]


def _group(value: object) -> str:
    """Return the logical id of a resource that is referred to, or what stands for it."""
    return short_text_of(value).removesuffix(".GroupId")


def _rules(resources: Resources, side: str, networks: Mapping[str, str]) -> _Rules:
    """Return the rules of one direction by the group that they are of."""
    bodies: dict[str, list[Mapping[str, Any]]] = {}
    by_default = EGRESS_BY_DEFAULT if side == "Egress" else ()
    for name, group in of_type(resources, "AWS::EC2::SecurityGroup").items():
        # Without egress rules, a group is created with those of EC2.
        bodies[name] = list(mappings(group.get(f"SecurityGroup{side}"))) or [*by_default]
    for rule in of_type(resources, f"AWS::EC2::SecurityGroup{side}").values():
        for named in possible_values(rule.get("GroupId", rule.get("GroupName"))):
            bodies.setdefault(_group(named), []).append(rule)
    return {
        name: _collapsed(
            _Rule(end, _ports(body)) for body in found for end in _ends(body, side, networks)
        )
        for name, found in bodies.items()
    }


def _collapsed(rules: Iterable[_Rule]) -> list[_Rule]:
    """Return the rules with ranges that touch made one, and without those that lead nowhere."""
    others: dict[_Rule, None] = {}
    ranges: dict[tuple[_Ports, int], list[Network]] = defaultdict(list)
    for rule in rules:
        if rule.end.network is None or not rule.end.is_range:
            others[rule] = None
        elif not rule.end.network.is_loopback:
            ranges[rule.ports, rule.end.network.version].append(rule.end.network)
    return [
        *others,
        *(
            _Rule(_range(network), ports)
            for (ports, _), networks in ranges.items()
            for network in collapse_addresses(networks)  # type: ignore[type-var] # Of one version.
        ),
    ]


def _ends(rule: Mapping[str, Any], side: str, networks: Mapping[str, str]) -> Iterator[_End]:
    """Yield whom a rule names."""
    other = "Source" if side == "Ingress" else "Destination"
    for key, everybody in (("CidrIp", ANY_IPV4), ("CidrIpv6", ANY_IPV6)):
        for value in possible_values(rule.get(key)):
            text = text_of(value)
            network = parse_network(networks.get(text, text))
            unknown = _End(short_text_of(text), frozenset({text}), everybody)
            yield _range(network) if network else unknown
    for key in (f"{other}SecurityGroupId", f"{other}SecurityGroupName"):
        for name in map(_group, possible_values(rule.get(key))):
            yield _End(name, frozenset({name}), ANY_IPV4)
    for value in possible_values(rule.get(f"{other}PrefixListId")):
        yield _End(short_text_of(value), frozenset({text_of(value)}))


def _range(network: Network) -> _End:
    return _End(str(network), network=network, is_range=True)


def _ports(rule: Mapping[str, Any]) -> _Ports:
    """Return the ports of a rule; of all protocols but four there are only all.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    text = text_of(rule.get("IpProtocol")).lower()
    protocol = PROTOCOLS.get(text, text)
    if protocol not in PROTOCOLS.values():
        return _Ports(short_text_of(protocol))
    first, last = (text_of(rule.get(key, -1)) for key in ("FromPort", "ToPort"))
    bounds = [int(bound) for bound in (first, last) if bound.removeprefix("-").isdecimal()]
    match bounds:
        case [kind, code] if protocol in ICMP and kind >= 0:
            return _Ports(protocol, 256 * kind + max(code, 0), 256 * kind + (code % 256))
        case [low, high] if protocol not in ICMP and min(low, high) >= 0:
            return _Ports(protocol, min(low, high), min(max(low, high), LAST_PORT))
        case [_, _]:
            return _Ports(protocol)
    return _Ports(protocol, unknown="-".join(dict.fromkeys(map(short_text_of, (first, last)))))


def _attachments(old: _Matrix, new: _Matrix, after: Resources) -> Iterator[Remark]:
    """Yield where groups count whose rules the template does not say."""
    for name, had in old.nodes.items():
        if name in after and name not in new.nodes and name not in new.declared:
            message = f"{name} may be reached by more: it has the VPC's default security group"
            yield Remark(Severity.EXPOSURE, name, message, listing(had))
    for name, groups in new.nodes.items():
        foreign = groups - old.nodes.get(name, frozenset()) - new.declared.keys()
        if foreign and name not in foreign:
            message = f"{name} may be reached by more: the rules of {listing(foreign)} are unknown"
            had = old.nodes.get(name, frozenset())
            yield Remark(Severity.EXPOSURE, name, message, listing(had), listing(groups))


def _remarks(old: _Matrix, new: _Matrix, severity: Severity) -> Iterator[Remark]:
    """Yield what is let through of late, which is exposure, or no longer, which is a change."""
    is_wider = severity is Severity.EXPOSURE
    there, here = (new, old) if is_wider else (old, new)
    found: dict[tuple[_End, _End], list[_Ports]] = defaultdict(list)
    for reach in there.reaches():
        if missing := here.missing(reach):
            found[reach.source, reach.target] += missing
    how = "now" if is_wider else "no longer"
    for sources, targets, ports in _together(found):
        whom = listing(_place(target.text(), ports) for target in targets)
        who = listing(source.text() for source in sources)
        yield Remark(
            severity,
            f"{listing(end.label for end in sources)} -> {listing(end.label for end in targets)}",
            f"{who} {how} {'reaches' if len(sources) == 1 else 'reach'} {whom}",
            _summary(old, sources, targets),
            _summary(new, sources, targets),
        )


def _together(
    found: Mapping[tuple[_End, _End], list[_Ports]],
) -> Iterator[tuple[Collection[_End], Collection[_End], tuple[_Ports, ...]]]:
    """Yield the findings with targets that have the same source, and then sources, put together."""
    by_source: dict[tuple[_End, tuple[_Ports, ...]], list[_End]] = defaultdict(list)
    for (source, target), ports in found.items():
        by_source[source, _merged(ports)].append(target)
    by_targets: dict[tuple[frozenset[_End], tuple[_Ports, ...]], list[_End]] = defaultdict(list)
    for (source, merged), targets in by_source.items():
        by_targets[frozenset(targets), merged].append(source)
    for (together, merged), sources in by_targets.items():
        yield sources, together, merged


def _merged(ports: Iterable[_Ports]) -> tuple[_Ports, ...]:
    """Return the ports in order, with those made one that overlap or touch."""
    merged: list[_Ports] = []
    for one in sorted(set(ports)):
        last = merged[-1] if merged else None
        if (
            last
            and (last.protocol, last.unknown) == (one.protocol, one.unknown)
            and one.first <= last.last + 1
        ):
            merged[-1] = replace(last, last=max(last.last, one.last))
        else:
            merged.append(one)
    return tuple(merged)


def _place(target: str, ports: Sequence[_Ports]) -> str:
    texts = [one.text() for one in ports]
    if all(text.replace("-", "").isdecimal() for text in texts):
        return f"{target}:{','.join(texts)}"
    return f"{target} ({', '.join(texts)})"


def _summary(matrix: _Matrix, sources: Collection[_End], targets: Collection[_End]) -> str:
    """Return all that reaches the targets, or where they are the world's, all that is reached."""
    labels = {end.label for end in targets if end.is_node}
    callers = {end.label for end in sources}
    return (
        listing(
            f"{reach.source.text() if labels else reach.target.text()} on {reach.ports.text()}"
            for reach in matrix.reaches()
            if (
                reach.target.label in labels
                if labels
                else reach.source.label in callers and not reach.target.is_node
            )
        )
        or "nobody"
    )
