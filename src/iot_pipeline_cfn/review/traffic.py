"""Changes of traffic: who reaches which ports of whom through the security groups.

A connection needs the egress rule of one end and the ingress rule of the other; replies are always
allowed (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). Routes are not
considered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources, of_type

from .ports import Ports, subtract
from .resolved import ResolvedEnvironment
from .security_rules import GROUP_TYPE, Peer, SecurityRule, carriers, rules_of


class PeerFlow(NamedTuple):
    """Ports of the target that the source reaches.

    It is uncertain where a rule names a range that may include the address of a resource or not.
    """

    source: Peer
    target: Peer
    ports: Ports
    is_certain: bool = True


class Flow(NamedTuple):
    """A connection by the names of its ends."""

    source: str
    target: str
    ports: Ports


def flows(resources: Resources) -> frozenset[Flow]:
    """Return the connections that the security groups of an environment allow."""
    groups = _Groups.of(resources)
    return frozenset(
        Flow(each.source.name, each.target.name, each.ports)
        for each in _Matrix(groups, groups.alone).connections
    )


def find_traffic_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield traffic changes.

    The ends are the resources that carry the groups, so that neither the names of groups nor the
    form of their rules make a difference. Every new connection is exposure.
    """
    if before.resources != after.resources:
        yield from _unknown_groups(before.resources, after.resources)
        # A group that loses its carriers is not a new end.
        sides = [_Groups.of(side.resources) for side in (before, after)]
        alone = frozenset().union(*(side.alone for side in sides))
        old, new = (_Matrix(side, alone) for side in sides)
        yield from _opened_or_closed(old, new, is_opened=True)
        yield from _opened_or_closed(old, new, is_opened=False)


class _Groups(NamedTuple):
    """The rules of the security groups of an environment, and the groups of each resource."""

    ingress: Mapping[str, Sequence[SecurityRule]]
    egress: Mapping[str, Sequence[SecurityRule]]
    carried: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, resources: Resources) -> "_Groups":
        """Read the groups from the resources."""
        ingress, egress = (rules_of(resources, direction) for direction in ("Ingress", "Egress"))
        return cls(ingress, egress, carriers(resources))

    @property
    def names(self) -> frozenset[str]:
        """The groups that have rules."""
        return frozenset(self.ingress.keys() | self.egress.keys())

    @property
    def alone(self) -> frozenset[str]:
        """The groups that no resource carries."""
        return self.names.difference(*self.carried.values())


class _Matrix:
    """The traffic of an environment.

    Attributes:
        nodes: The groups of each resource; a group without carriers is an end itself.
        connections: What rules allow that name the group or the peer at the other end.

    """

    def __init__(self, side: _Groups, alone: Collection[str]) -> None:
        """Find the connections; the groups in `alone` are ends besides the resources."""
        own = {name: frozenset({name}) for name in alone if name in side.names}
        self.nodes: Mapping[str, frozenset[str]] = {**side.carried, **own}
        self._outgoing, self._incoming = (
            {name: _rules(rules, groups) for name, groups in self.nodes.items()}
            for rules in (side.egress, side.ingress)
        )
        self.connections = frozenset([*self._to_named_peers(side), *self._between_named_groups()])
        self._by_target: dict[str, list[PeerFlow]] = defaultdict(list)
        for each in self.connections:
            self._by_target[each.target.name].append(each)
        self._to_networks = [each for each in self.connections if each.target.network]

    def _to_named_peers(self, side: _Groups) -> Iterator[PeerFlow]:
        """Yield the connections with peers that are not groups of the template."""
        for name in self.nodes:
            own = Peer(name, is_resource=True)
            for rule in self._incoming[name]:
                if rule.peer.name not in side.ingress:
                    yield PeerFlow(rule.peer, own, rule.ports)
            for rule in self._outgoing[name]:
                if rule.peer.name not in side.egress:
                    yield PeerFlow(own, rule.peer, rule.ports)

    def _between_named_groups(self) -> Iterator[PeerFlow]:
        """Yield the connections between resources where one has a rule for the other's group."""
        members: dict[str, list[str]] = defaultdict(list)
        for name, groups in self.nodes.items():
            for group in groups:
                members[group].append(name)
        pairs = {
            (name, target)
            for name, rules in self._outgoing.items()
            for rule in rules
            for target in members.get(rule.peer.name, ())
        } | {
            (source, name)
            for name, rules in self._incoming.items()
            for rule in rules
            for source in members.get(rule.peer.name, ())
        }
        for source, target in pairs:
            yield from self._between(source, target, by_name=True)

    def _between(self, source: str, target: str, *, by_name: bool) -> Iterator[PeerFlow]:
        """Yield what two resources allow each other, by a rule that names a group or by none."""
        ends = Peer(source, is_resource=True), Peer(target, is_resource=True)
        for out, into in product(self._outgoing.get(source, ()), self._incoming.get(target, ())):
            is_named = (
                out.peer.name in self.nodes[target],
                into.peer.name in self.nodes[source],
            )
            if any(is_named) is by_name and (found := _connection(*ends, (out, into), is_named)):
                yield found

    def missing(self, connection: PeerFlow) -> list[Ports]:
        """Return the ports of a connection of another environment that this one lacks."""
        source, target = connection.source, connection.target
        # A new resource could have come from its address before.
        is_new = source.is_resource and source.name not in self.nodes
        allowed = [
            each.ports
            for each in (
                *self._by_target.get(target.name, ()),
                *(self._to_networks if target.network else ()),
                *self._between(source.name, target.name, by_name=False),
            )
            if each.target.includes(target)
            and (each.is_certain or not connection.is_certain)
            and (each.source.includes(source) or (is_new and each.source.is_everyone))
        ]
        return subtract([connection.ports], allowed)

    def sources(self, targets: Iterable[str]) -> dict[str, list[str]]:
        """Return everything that reaches the targets, with the ports."""
        found: dict[str, set[str]] = defaultdict(set)
        for target in targets:
            for connection in self._by_target.get(target, ()):
                found[connection.source.name].add(str(connection.ports))
        return {name: sorted(found[name]) for name in sorted(found)}


def _rules(
    rules: Mapping[str, Sequence[SecurityRule]], groups: Iterable[str]
) -> list[SecurityRule]:
    return [rule for group in groups for rule in rules.get(group, ())]


def _connection(
    source: Peer,
    target: Peer,
    rules: tuple[SecurityRule, SecurityRule],
    is_named: tuple[bool, bool],
) -> PeerFlow | None:
    """Return the connection between two resources that an egress and an ingress rule allow."""
    sides = [*zip(rules, is_named, strict=True)]
    is_certain = all(named or rule.peer.is_everyone for rule, named in sides)
    is_possible = any(is_named) and all(named or rule.peer.network for rule, named in sides)
    ports = rules[0].ports.common(rules[1].ports) if is_certain or is_possible else None
    return PeerFlow(source, target, ports, is_certain) if ports else None


def _unknown_groups(before: Resources, after: Resources) -> Iterator[Finding]:
    """Yield the resources that are given groups whose rules are not in the template."""
    old, new = carriers(before), carriers(after)
    for name in sorted(old.keys() & after.keys() - new.keys()):
        details = {"before": sorted(old[name])}
        yield Finding("default-security-group", Severity.EXPOSURE, name, details)
    for name, groups in sorted(new.items()):
        had = old.get(name, frozenset())
        if unknown := groups - had - of_type(after, GROUP_TYPE).keys():
            details = {
                "unknown_groups": sorted(unknown),
                "before": sorted(had),
                "after": sorted(groups),
            }
            yield Finding("unknown-security-groups", Severity.EXPOSURE, name, details)


def _opened_or_closed(old: _Matrix, new: _Matrix, *, is_opened: bool) -> Iterator[Finding]:
    """Yield the connections of one side that the other one lacks.

    Connections on the same ports are one finding, if they have the same source or the same targets.
    """
    there, here = (new, old) if is_opened else (old, new)
    missing: dict[tuple[str, str], set[Ports]] = defaultdict(set)
    for connection in there.connections:
        if left := here.missing(connection):
            missing[connection.source.name, connection.target.name].update(left)
    by_source: dict[tuple[str, tuple[Ports, ...]], list[str]] = defaultdict(list)
    for (source, target), left_ports in sorted(missing.items()):
        by_source[source, tuple(sorted(left_ports))].append(target)
    found: dict[tuple[tuple[str, ...], tuple[Ports, ...]], list[str]] = defaultdict(list)
    for (source, some_ports), some_targets in by_source.items():
        found[tuple(some_targets), some_ports].append(source)
    for (targets, some_ports), sources in found.items():
        yield Finding(
            "traffic-opened" if is_opened else "traffic-closed",
            Severity.EXPOSURE if is_opened else Severity.CHANGE,
            next((name for name in targets if name in there.nodes), sources[0]),
            {
                "sources": sources,
                "targets": list(targets),
                "ports": list(map(str, some_ports)),
                "before": old.sources(targets),
                "after": new.sources(targets),
            },
        )
