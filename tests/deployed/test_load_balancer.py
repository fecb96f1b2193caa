"""The load balancer: its subnets, listeners, targets and certificate."""

import socket
import ssl
from datetime import UTC, datetime

import pytest

from .observed import PRIVATE, PUBLIC, check


def test_load_balancer_has_the_scheme_and_subnets_of_its_ingress(environment):
    load_balancer = environment.load_balancer
    is_public = environment.has("Ingress", "public")
    name = load_balancer["LoadBalancerName"]
    check(
        name,
        load_balancer,
        {
            "DNSName": environment.outputs["LoadBalancerDnsName"],
            "Scheme": "internet-facing" if is_public else "internal",
            "State": {"Code": "active"},
            "Type": "application",
        },
    )
    found = {each["SubnetId"] for each in load_balancer["AvailabilityZones"]}
    wanted = environment.ids(PUBLIC if is_public else PRIVATE)
    assert found == wanted, f"{name} is in {sorted(found)} and should be in {sorted(wanted)}"


def test_load_balancer_crosses_zones(environment):
    arn = environment.outputs["LoadBalancerArn"]
    attributes = environment.call(
        "elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn
    )["Attributes"]
    check(
        arn,
        {each["Key"]: each["Value"] for each in attributes},
        {"load_balancing.cross_zone.enabled": "true"},
    )


def test_listeners_forward_to_the_containers(environment):
    outputs = environment.outputs
    listeners = {
        each["Port"]: each
        for each in environment.list(
            "elbv2",
            "describe_listeners",
            "Listeners",
            LoadBalancerArn=outputs["LoadBalancerArn"],
        )
    }
    has_certificate = not environment.has("CertificateArn", "")
    wanted = {80: "HTTP", 443: "HTTPS"} if has_certificate else {80: "HTTP"}
    found = {port: each["Protocol"] for port, each in listeners.items()}
    assert found == wanted, f"the load balancer listens on {found} and should on {wanted}"
    (action,) = listeners[max(wanted)]["DefaultActions"]
    check(
        f"the listener of port {max(wanted)}",
        action,
        {"Type": "forward", "TargetGroupArn": outputs["TargetGroupArn"]},
    )
    if has_certificate:
        rules = environment.list(
            "elbv2", "describe_rules", "Rules", ListenerArn=listeners[80]["ListenerArn"]
        )
        first = min(rules, key=lambda rule: rule["Priority"])
        assert [action["Type"] for action in first["Actions"]] == ["redirect"], (
            "HTTP is not redirected to HTTPS, though there is a certificate"
        )


def test_target_group_is_for_the_containers(environment):
    arn = environment.outputs["TargetGroupArn"]
    described = environment.describe(
        "elbv2", "describe_target_groups", "TargetGroups", TargetGroupArns=[arn]
    )
    check(
        arn,
        described,
        {
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckPath": "/",
            "HealthyThresholdCount": 2,
            "LoadBalancerArns": [environment.outputs["LoadBalancerArn"]],
            "Port": 8080,
            "Protocol": "HTTP",
            "TargetType": "ip",
            "UnhealthyThresholdCount": 3,
            "VpcId": environment.outputs["VpcId"],
        },
    )


@pytest.mark.aws("the emulator asks no target for its health")
def test_targets_are_healthy(environment):
    states = [each["TargetHealth"]["State"] for each in environment.targets]
    running = environment.service["runningCount"]
    assert states.count("healthy") == running, f"{running} tasks run, whose targets are {states}"


def domain_of(environment):
    if environment.has("CertificateArn", ""):
        pytest.skip("the environment has no certificate")
    return environment.parameters["DomainName"]


@pytest.mark.aws("the emulator issues no certificates")
def test_certificate_is_valid(environment):
    domain = domain_of(environment)
    arn = environment.parameters["CertificateArn"]
    certificate = environment.call("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    check(arn, certificate, {"Status": "ISSUED"})
    names = certificate["SubjectAlternativeNames"]
    assert {domain, f"*.{domain.partition('.')[2]}"} & set(names), (
        f"{arn} is for {names} and not for {domain}"
    )
    days = (certificate["NotAfter"] - datetime.now(UTC)).days
    assert days > 7, f"{arn} ends in {days} days"


@pytest.mark.aws("nothing on the emulator speaks TLS under the environment's name")
def test_load_balancer_speaks_tls(environment):
    domain = domain_of(environment)
    if environment.has("Ingress", "private"):
        pytest.skip("with private ingress nobody outside of the VPC reaches the load balancer")
    with (
        socket.create_connection((domain, 443), timeout=10) as connection,
        ssl.create_default_context().wrap_socket(connection, server_hostname=domain) as tls,
    ):
        assert tls.version() in {"TLSv1.2", "TLSv1.3"}
