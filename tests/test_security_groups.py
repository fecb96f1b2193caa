"""The traffic matrix."""

import pytest

from conftest import ENVIRONMENTS
from resolution import of_type
from traffic import ANYWHERE, connections

BEHIND_THE_LOAD_BALANCER = {
    ("LoadBalancerSecurityGroup", "ContainerSecurityGroup", 8080),
    ("ContainerSecurityGroup", "EndpointsSecurityGroup", 443),
    ("ContainerSecurityGroup", "DatabaseSecurityGroup", 5432),
    ("ContainerSecurityGroup", "CacheSecurityGroup", 6379),
    ("ContainerSecurityGroup", ANYWHERE, 443),
}


def way_in(given):
    if given.get("Ingress") != "private":
        return {(ANYWHERE, "LoadBalancerSecurityGroup", port) for port in (80, 443)}
    port = 443 if "CertificateArn" in given else 80
    return {("VpcLinkSecurityGroup", "LoadBalancerSecurityGroup", port)}


def test_connections_are_exactly_the_traffic_matrix(environments):
    """Nothing can reach more than the matrix says, and everything that it says can."""
    for name, given in ENVIRONMENTS.items():
        expected = BEHIND_THE_LOAD_BALANCER | way_in(given)
        assert connections(environments[name]) == expected, name


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
        callers = {source for source, to, _ in connections(environment) if to.startswith(part)}
        assert callers == {"ContainerSecurityGroup"}
