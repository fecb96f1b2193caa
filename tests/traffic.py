"""Who can open a connection to whom, computed from the security groups of an environment."""

from collections.abc import Iterator, Mapping
from typing import Any

from resolution import of_type

Connection = tuple[str, str, int | str]
ANYWHERE = "0.0.0.0/0"
NOWHERE = "127.0.0.1/32"


def connections(environment: Mapping[str, Any]) -> set[Connection]:
    """Return (from, to, port) of every connection that both ends allow.

    An end is the logical id of a security group, or a range of addresses, which allows all.
    """
    incoming = set(_incoming(environment))
    outgoing = set(_outgoing(environment))
    groups = of_type(environment, "EC2::SecurityGroup").keys()
    met = {
        (source, to, port)
        for source, to, port in incoming
        if source not in groups
        or outgoing & {(source, to, port), (source, ANYWHERE, port), (source, ANYWHERE, "any")}
    }
    return met | {
        (source, to, port) for source, to, port in outgoing if to not in groups and to != NOWHERE
    }


def _incoming(environment: Mapping[str, Any]) -> Iterator[Connection]:
    for name, group in of_type(environment, "EC2::SecurityGroup").items():
        for rule in group.get("SecurityGroupIngress", []):
            yield _end(rule, "SourceSecurityGroupId"), name, _port(rule)
    for rule in of_type(environment, "EC2::SecurityGroupIngress").values():
        yield _end(rule, "SourceSecurityGroupId"), rule["GroupId"]["Ref"], _port(rule)


def _outgoing(environment: Mapping[str, Any]) -> Iterator[Connection]:
    for name, group in of_type(environment, "EC2::SecurityGroup").items():
        # EC2 lets a group without egress rules reach everybody.
        for rule in group.get("SecurityGroupEgress") or [{"CidrIp": ANYWHERE, "IpProtocol": "-1"}]:
            yield name, _end(rule, "DestinationSecurityGroupId"), _port(rule)
    for rule in of_type(environment, "EC2::SecurityGroupEgress").values():
        yield rule["GroupId"]["Ref"], _end(rule, "DestinationSecurityGroupId"), _port(rule)


def _end(rule: Mapping[str, Any], group: str) -> str:
    return rule[group]["Ref"] if group in rule else rule["CidrIp"]


def _port(rule: Mapping[str, Any]) -> int | str:
    if rule["IpProtocol"] == "-1":
        return "any"
    assert rule["FromPort"] == rule["ToPort"], rule
    return rule["FromPort"]
