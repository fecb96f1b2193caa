"""Who reaches whom, computed from security groups, subnets and routes as they are."""

import pytest

from .reachability import INTERNET

PORTS = {
    "the containers": 8080,
    "the database": 5432,
    "the cache": 6379,
    "SecretsManagerEndpoint": 443,
    "EcrApiEndpoint": 443,
    "EcrDkrEndpoint": 443,
    "LogsEndpoint": 443,
}


def named(environment, sources):
    """Return sources in words."""
    groups = environment.security_groups
    names = [
        f"{source} ({groups[source]['GroupName']})" if source in groups else source
        for source in sorted(sources)
    ]
    return ", ".join(names) or "nobody"


@pytest.mark.parametrize("end", PORTS)
def test_only_who_should_reaches(environment, end):
    """The load balancer the containers; they alone the database, the cache and the endpoints."""
    source = "LoadBalancer" if end == "the containers" else "Container"
    allowed = {environment.outputs[f"{source}SecurityGroupId"]}
    found = environment.network.sources(environment.ends[end], PORTS[end])
    assert found == allowed, (
        f"port {PORTS[end]} of {end} is reached by {named(environment, found)}, "
        f"and should be by {named(environment, allowed)} alone"
    )


def test_load_balancer_is_reached_as_the_ingress_says(environment):
    """From anywhere with public ingress, and by the API's VPC link alone with private ingress."""
    has_certificate = not environment.chooses("CertificateArn", "")
    for port in (80, 443) if has_certificate else (80,):
        found = environment.network.sources(environment.ends["the load balancer"], port)
        if environment.chooses("Ingress", "public"):
            assert INTERNET in found, (
                f"port {port} of the load balancer is reached by {named(environment, found)}, "
                "and should be from the internet"
            )
        else:
            link = {environment.outputs["VpcLinkSecurityGroupId"]}
            allowed = link if port == (443 if has_certificate else 80) else set()
            assert found == allowed, (
                f"port {port} of the load balancer is reached by {named(environment, found)}, "
                f"and should be by {named(environment, allowed)}"
            )


def test_parts_have_the_security_groups_of_the_outputs(environment):
    """Each one of its own, and no more."""
    outputs = {"LoadBalancer": "the load balancer", "Container": "the containers"}
    outputs |= {"Database": "the database", "Cache": "the cache"}
    endpoints = [end for end in environment.ends if end.endswith("Endpoint")]
    wanted = {end: environment.outputs[f"{name}SecurityGroupId"] for name, end in outputs.items()}
    wanted |= dict.fromkeys(endpoints, environment.outputs["EndpointsSecurityGroupId"])
    for name, group in wanted.items():
        found = environment.ends[name].groups
        assert found == {group}, f"{name} has the security groups {set(found)} and not {group}"


def test_containers_reach_s3(environment):
    """Whose addresses are outside of the VPC also by the endpoint: image layers come from there."""
    group = environment.outputs["ContainerSecurityGroupId"]
    assert environment.network.leaves([group], 443), f"{group} lets nothing out on port 443"


def test_nobody_else_leaves_the_vpc(environment):
    """What answers need not open connections of its own."""
    for end in ("the load balancer", "the database", "the cache"):
        groups = environment.ends[end].groups
        assert not environment.network.leaves(groups, 443), f"{end} lets itself out on port 443"


def test_network_acls_let_everything_through(environment):
    """Who reaches whom is for security groups alone to say."""
    everything = {(egress, "allow", "-1", "0.0.0.0/0") for egress in (True, False)}
    for acl in environment.listed(
        "ec2", "describe_network_acls", "NetworkAcls", Filters=environment.in_vpc
    ):
        entries = {
            (entry["Egress"], entry["RuleAction"], entry["Protocol"], entry.get("CidrBlock"))
            for entry in acl["Entries"]
            # The last one, which cannot be removed, denies what no other allows.
            if entry["RuleNumber"] != 32767
        }
        assert entries == everything, f"{acl['NetworkAclId']} does not let everything through"
