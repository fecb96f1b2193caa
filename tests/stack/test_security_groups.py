"""The traffic matrix."""

import pytest

from checkout import ENVIRONMENTS
from iot_pipeline_cfn.review.traffic import Flow, flows
from iot_pipeline_cfn.stack.network import ANYWHERE
from resolution import of_type


def on(port, source, target):
    return Flow(source, target, "tcp", port, port)


BEHIND_THE_LOAD_BALANCER = {
    on(8080, "LoadBalancerSecurityGroup", "ContainerSecurityGroup"),
    on(443, "ContainerSecurityGroup", "EndpointsSecurityGroup"),
    on(5432, "ContainerSecurityGroup", "DatabaseSecurityGroup"),
    on(6379, "ContainerSecurityGroup", "CacheSecurityGroup"),
    on(443, "ContainerSecurityGroup", ANYWHERE),
}


def way_in(given):
    if given.get("Ingress") != "private":
        return {on(port, ANYWHERE, "LoadBalancerSecurityGroup") for port in (80, 443)}
    port = 443 if "CertificateArn" in given else 80
    return {on(port, "VpcLinkSecurityGroup", "LoadBalancerSecurityGroup")}


def test_connections_are_exactly_the_traffic_matrix(environments):
    """Nothing can reach more than the matrix says, and everything that it says can."""
    for name, given in ENVIRONMENTS.items():
        expected = BEHIND_THE_LOAD_BALANCER | way_in(given)
        assert flows(environments[name]["Resources"]) == expected, name


def test_no_group_is_left_with_the_egress_that_ec2_gives_by_itself(environments):
    """A group without egress rules of its own could reach the world."""
    for environment in environments.values():
        for name, group in of_type(environment, "EC2::SecurityGroup").items():
            assert group.get("SecurityGroupEgress"), name


def test_every_rule_is_described(environments):
    """A reader of the console sees what a rule is for."""
    for environment in environments.values():
        groups = of_type(environment, "EC2::SecurityGroup").values()
        rules = [
            rule
            for group in groups
            for side in ("SecurityGroupIngress", "SecurityGroupEgress")
            for rule in group.get(side, [])
        ]
        rules += of_type(environment, "EC2::SecurityGroupEgress").values()
        assert all(rule.get("Description") for rule in rules)


@pytest.mark.parametrize("part", ["Database", "Cache"])
def test_data_is_reached_from_the_containers_only(environments, part):
    """No other group, and no address range, can open a connection to the data."""
    for environment in environments.values():
        found = flows(environment["Resources"])
        callers = {flow.source for flow in found if flow.target.startswith(part)}
        assert callers == {"ContainerSecurityGroup"}
