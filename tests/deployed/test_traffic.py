"""Connections between the parts, computed from actual security groups, subnets and routes."""

import pytest

from .observed import PRIVATE
from .reachability import INTERNET, Destination

PORTS = {
    "the containers": 8080,
    "the database": 5432,
    "the cache": 6379,
    "SecretsManagerEndpoint": 443,
    "EcrApiEndpoint": 443,
    "EcrDkrEndpoint": 443,
    "LogsEndpoint": 443,
}


def listed(environment, sources):
    """Return a readable list of sources."""
    groups = environment.security_groups
    names = [
        f"{source} ({groups[source]['GroupName']})" if source in groups else source
        for source in sorted(sources)
    ]
    return ", ".join(names) or "nobody"


@pytest.mark.parametrize("destination", PORTS)
def test_ports_are_reached_by_their_clients_only(environment, destination):
    source = "LoadBalancer" if destination == "the containers" else "Container"
    allowed = {environment.outputs[f"{source}SecurityGroupId"]}
    found = environment.network.sources(environment.destinations[destination], PORTS[destination])
    if environment.shares_network and destination.endswith("Endpoint"):
        # These let in the addresses of the private subnets, whatever the group.
        allowed |= found & environment.security_groups.keys()
    assert found == allowed, (
        f"port {PORTS[destination]} of {destination} is reached by {listed(environment, found)}, "
        f"and should be by {listed(environment, allowed)} alone"
    )


def test_containers_reach_their_own_database_and_cache_only(environment):
    """Database, cache and containers of other environments of the network are out of reach."""
    outputs = environment.outputs
    container, subnets = outputs["ContainerSecurityGroupId"], frozenset(environment.ids(PRIVATE))
    found = {
        (group, port)
        for group in environment.security_groups
        for port in (5432, 6379, 8080)
        if container in environment.network.sources(Destination(frozenset({group}), subnets), port)
    }
    wanted = {
        (outputs["DatabaseSecurityGroupId"], 5432),
        (outputs["CacheSecurityGroupId"], 6379),
    }
    assert found == wanted, f"{container} reaches {sorted(found)}, and should {sorted(wanted)}"


def test_load_balancer_is_reached_by_its_ingress_only(environment):
    has_certificate = not environment.has("CertificateArn", "")
    for port in (80, 443):
        found = environment.network.sources(environment.destinations["the load balancer"], port)
        if environment.has("Ingress", "public") and (port == 80 or has_certificate):
            assert INTERNET in found, (
                f"port {port} of the load balancer is reached by {listed(environment, found)}, "
                "and should be from the internet"
            )
            continue
        is_private = environment.has("Ingress", "private")
        # The VPC link reaches both ports, so that the certificate can be added and removed.
        allowed = {environment.outputs["VpcLinkSecurityGroupId"]} if is_private else set()
        assert found == allowed, (
            f"port {port} of the load balancer is reached by {listed(environment, found)}, "
            f"and should be by {listed(environment, allowed)}"
        )


def test_parts_have_the_security_groups_of_the_outputs(environment):
    outputs = {"LoadBalancer": "the load balancer", "Container": "the containers"}
    outputs |= {"Database": "the database", "Cache": "the cache"}
    endpoints = [end for end in environment.destinations if end.endswith("Endpoint")]
    wanted = {end: environment.outputs[f"{name}SecurityGroupId"] for name, end in outputs.items()}
    wanted |= dict.fromkeys(endpoints, environment.outputs["EndpointsSecurityGroupId"])
    for name, group in wanted.items():
        found = environment.destinations[name].groups
        assert found == {group}, f"{name} has the security groups {set(found)} and not {group}"


def test_containers_reach_s3(environment):
    group = environment.outputs["ContainerSecurityGroupId"]
    assert environment.network.reaches_outside([group], 443), (
        f"{group} lets nothing out on port 443"
    )


def test_other_parts_open_no_connections_out_of_the_vpc(environment):
    for name in ("the load balancer", "the database", "the cache"):
        groups = environment.destinations[name].groups
        assert not environment.network.reaches_outside(groups, 443), (
            f"the security group of {name} allows connections out on port 443"
        )


def test_network_acls_allow_everything(environment):
    everything = {(egress, "allow", "-1", "0.0.0.0/0") for egress in (True, False)}
    for acl in environment.list(
        "ec2", "describe_network_acls", "NetworkAcls", Filters=environment.in_vpc
    ):
        entries = {
            (entry["Egress"], entry["RuleAction"], entry["Protocol"], entry.get("CidrBlock"))
            for entry in acl["Entries"]
            # The last entry cannot be removed and denies the rest.
            if entry["RuleNumber"] != 32767
        }
        assert entries == everything, f"{acl['NetworkAclId']} does not let everything through"
