"""Changes of traffic: who reaches which ports of whom through the security groups.

A connection needs the egress rule of one end and the ingress rule of the other; replies are always
allowed (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). Routes are not
considered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import Resources

from .addresses import Network
from .ports import ALL_PROTOCOLS, Ports, merge, subtract
from .resolved import ResolvedEnvironment
from .security_rules import (
    ANY_IPV4,
    Peer,
    Rule,
    Rules,
    carriers,
    collapse,
    group_networks,
    range_peer,
    rules_of,
)

ANYTHING: Final = Rule(range_peer(ANY_IPV4), Ports(ALL_PROTOCOLS))


class Flow(NamedTuple):
    """Ports of the target that the source reaches, both by their names."""

    source: str
    target: str
    ports: Ports


def flows(resources: Resources) -> frozenset[Flow]:
    """Return the connections that the security groups of an environment allow."""
    return frozenset(
        Flow(each.source.name, each.target.name, each.ports)
        for each in _matrix(resources).connections()
    )


def find_traffic_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield what changes of who reaches whom.

    The ends are the resources that carry the groups, so that neither the names of groups nor the
    form of their rules make a difference. Every new connection is exposure.
    """
    if before.resources == after.resources:
        return
    old, new = _matrix(before.resources), _matrix(after.resources)
    yield from _unknown_groups(old, new, after.resources)
    yield from _opened_or_closed(old, new, is_opened=True)
    yield from _opened_or_closed(old, new, is_opened=False)


@dataclass(frozen=True)
class _Connection:
    source: Peer
    target: Peer
    ports: Ports


@dataclass(frozen=True)
class _Matrix:
    """The security groups of an environment.

    Attributes:
        declared: The groups of the template, with the addresses of what carries them.
        ingress: The ingress rules of each group.
        egress: The egress rules of each group.
        nodes: The groups of each resource that carries some. A group without carriers is a node of
            its own.

    """

    declared: Mapping[str, Network]
    ingress: Rules
    egress: Rules
    nodes: Mapping[str, frozenset[str]]

    def connections(self) -> Iterator[_Connection]:
        """Yield the connections that the rules name: between nodes, and with everything else."""
        peers = [self._peer(node) for node in self.nodes]
        for peer in peers:
            for rule in self._rules(self.ingress, peer):
                if not rule.peer.groups & self.declared.keys():
                    yield _Connection(rule.peer, peer, rule.ports)
            for rule in self._rules(self.egress, peer):
                if not rule.peer.groups & self.declared.keys():
                    yield _Connection(peer, rule.peer, rule.ports)
        for source, target in product(peers, repeat=2):
            for ports in self._between(source, target, by_group=True):
                yield _Connection(source, target, ports)

    def missing(self, connection: _Connection) -> list[Ports]:
        """Return the ports of a connection of another matrix that this one does not allow."""
        source, target = connection.source, connection.target
        if any(peer.is_resource and not self.groups(peer.name) for peer in (source, target)):
            allowed = []
        elif source.is_resource and target.is_resource:
            allowed = list(self._between(self._peer(source.name), self._peer(target.name)))
        else:
            node, other = (target, source) if target.is_resource else (source, target)
            rules = self.ingress if target.is_resource else self.egress
            allowed = [
                rule.ports
                for rule in collapse(self._rules(rules, node))
                if rule.peer.includes(other)
            ]
        return subtract([connection.ports], allowed)

    def groups(self, node: str) -> frozenset[str]:
        """Return the groups of a node; a group is its own. Other names have none."""
        return self.nodes.get(node) or frozenset({node} & self.declared.keys())

    def _peer(self, node: str) -> Peer:
        groups = self.groups(node)
        return Peer(node, groups, self.declared.get(min(groups), ANY_IPV4), is_resource=True)

    def _rules(self, rules: Rules, node: Peer) -> list[Rule]:
        return [rule for group in sorted(self.groups(node.name)) for rule in rules.get(group, ())]

    def _between(self, source: Peer, target: Peer, *, by_group: bool = False) -> set[Ports]:
        """Return the ports that both nodes' rules allow; with `by_group`, where one names a group.

        What both open to addresses only, the connections with these addresses show.
        """
        egress = self._rules_for(self.egress, source, target)
        ingress = self._rules_for(self.ingress, target, source)
        return {
            ports
            for out, into in product(egress, ingress)
            if not by_group or out.peer.groups & target.groups or into.peer.groups & source.groups
            if (ports := out.ports.common(into.ports))
        }

    def _rules_for(self, rules: Rules, node: Peer, other: Peer) -> list[Rule]:
        """Return the rules of a node for another one; foreign groups may allow anything."""
        found = self._rules(rules, node)
        if not found and not self.groups(node.name) & self.declared.keys():
            found = [ANYTHING]
        return [rule for rule in collapse(found) if rule.peer.includes(other)]


def _matrix(resources: Resources) -> _Matrix:
    carried = carriers(resources)
    declared = group_networks(resources)
    ingress, egress = (rules_of(resources, direction) for direction in ("Ingress", "Egress"))
    groups = declared.keys() | ingress.keys() | egress.keys()
    alone = groups - frozenset().union(*carried.values())
    nodes = {**carried, **{name: frozenset({name}) for name in sorted(alone)}}
    return _Matrix(declared, ingress, egress, nodes)


def _unknown_groups(old: _Matrix, new: _Matrix, after: Resources) -> Iterator[Finding]:
    """Yield the resources that come to have groups whose rules are not in the template."""
    for name, had in old.nodes.items():
        if name in after and name not in new.nodes and name not in new.declared:
            details = {"before": sorted(had)}
            yield Finding("default-security-group", Severity.EXPOSURE, name, details)
    for name, groups in new.nodes.items():
        had = old.nodes.get(name, frozenset())
        foreign = groups - had - new.declared.keys()
        if foreign and name not in foreign:
            details = {
                "unknown_groups": sorted(foreign),
                "before": sorted(had),
                "after": sorted(groups),
            }
            yield Finding("unknown-security-groups", Severity.EXPOSURE, name, details)


def _opened_or_closed(old: _Matrix, new: _Matrix, *, is_opened: bool) -> Iterator[Finding]:
    """Yield what only the new matrix allows, or only the old one, by source and ports."""
    there, here = (new, old) if is_opened else (old, new)
    missing: dict[tuple[Peer, Peer], list[Ports]] = defaultdict(list)
    for connection in there.connections():
        if left := here.missing(connection):
            missing[connection.source, connection.target] += left
    found: dict[tuple[Peer, tuple[Ports, ...]], set[Peer]] = defaultdict(set)
    for (source, target), left in missing.items():
        found[source, merge(left)].add(target)
    for (source, ports), targets in found.items():
        names = sorted(target.name for target in targets)
        yield Finding(
            "traffic-opened" if is_opened else "traffic-closed",
            Severity.EXPOSURE if is_opened else Severity.CHANGE,
            min((target.name for target in targets if target.is_resource), default=source.name),
            {
                "source": source.name,
                "targets": names,
                "ports": [str(each) for each in ports],
                "before": _sources(old, names),
                "after": _sources(new, names),
            },
        )


def _sources(matrix: _Matrix, targets: Collection[str]) -> dict[str, list[str]]:
    """Return everything that reaches the targets, with the ports."""
    found: dict[str, set[str]] = defaultdict(set)
    for connection in matrix.connections():
        if connection.target.name in targets:
            found[connection.source.name].add(str(connection.ports))
    return {name: sorted(found[name]) for name in sorted(found)}
