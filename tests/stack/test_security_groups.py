"""The traffic matrix, and which resource has which security group."""

import pytest

from checkout import CERTIFICATE, ENVIRONMENTS
from iot_pipeline_cfn.review.ports import Ports
from iot_pipeline_cfn.review.traffic import Flow, flows
from iot_pipeline_cfn.stack.network import ANYWHERE
from resolution import of_type, only, resolve


def on(port, source, target):
    return Flow(source, target, Ports("tcp", port, port))


BEHIND_THE_LOAD_BALANCER = {
    on(8080, "LoadBalancer", "Service"),
    on(443, "Service", "EcrApiEndpoint"),
    on(443, "Service", "EcrDkrEndpoint"),
    on(443, "Service", "LogsEndpoint"),
    on(443, "Service", "SecretsManagerEndpoint"),
    on(5432, "Service", "Database"),
    on(6379, "Service", "Cache"),
    on(443, "Service", ANYWHERE),
}


def ingress_flows(given):
    """Return the flows to the load balancer: from the internet only to a port that listens."""
    if given.get("Ingress") == "private":
        return {on(port, "VpcLink", "LoadBalancer") for port in (80, 443)}
    ports = (80, 443) if "CertificateArn" in given else (80,)
    return {on(port, ANYWHERE, "LoadBalancer") for port in ports}


def test_connections_are_exactly_the_traffic_matrix(environments):
    for name, given in ENVIRONMENTS.items():
        expected = BEHIND_THE_LOAD_BALANCER | ingress_flows(given)
        assert flows(environments[name]["Resources"]) == expected, name


@pytest.mark.parametrize("ingress", ["public", "private"])
def test_certificate_changes_no_rule_in_place(template, ingress):
    """A group is updated first, and would close a port that the API still calls."""
    groups = [
        of_type(resolve(template, {"Ingress": ingress} | given), "EC2::SecurityGroup")
        for given in ({}, CERTIFICATE)
    ]
    assert groups[0] == groups[1]


def test_every_group_has_egress_rules_of_its_own(environments):
    """EC2 adds a rule that allows all connections to a group without egress rules."""
    for environment in environments.values():
        for name, group in of_type(environment, "EC2::SecurityGroup").items():
            assert group.get("SecurityGroupEgress"), name


def test_every_rule_has_a_description(environments):
    for environment in environments.values():
        groups = of_type(environment, "EC2::SecurityGroup").values()
        rules = [
            rule
            for group in groups
            for side in ("SecurityGroupIngress", "SecurityGroupEgress")
            for rule in group.get(side, [])
        ]
        for side in ("SecurityGroupIngress", "SecurityGroupEgress"):
            rules += of_type(environment, f"EC2::{side}").values()
        assert all(rule.get("Description") for rule in rules)


GROUPS = {
    # Resource, property, security group.
    ("Cache", "SecurityGroupIds", "CacheSecurityGroup"),
    ("Database", "VPCSecurityGroups", "DatabaseSecurityGroup"),
    ("EcrApiEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("EcrDkrEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("LoadBalancer", "SecurityGroups", "LoadBalancerSecurityGroup"),
    ("LogsEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
    ("SecretsManagerEndpoint", "SecurityGroupIds", "EndpointsSecurityGroup"),
}
PRIVATE = {("VpcLink", "SecurityGroupIds", "VpcLinkSecurityGroup")}


def assigned_groups(environment):
    """Return every security group that a property of a resource names."""
    groups = of_type(environment, "EC2::SecurityGroup").keys()
    return {
        (name, key, value["Ref"])
        for name, resource in environment["Resources"].items()
        for key, values in resource["Properties"].items()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict) and value.get("Ref") in groups
    }


def test_every_resource_has_its_own_security_group_and_no_other(environments):
    for name, environment in environments.items():
        is_private = ENVIRONMENTS[name].get("Ingress") == "private"
        assert assigned_groups(environment) == GROUPS | (PRIVATE if is_private else set()), name
        network = only(environment, "ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["SecurityGroups"] == [{"Ref": "ContainerSecurityGroup"}]
