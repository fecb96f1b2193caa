"""The load balancer: its subnets, listeners, targets and certificate."""

import socket
import ssl
from datetime import UTC, datetime

import pytest

from iot_pipeline_cfn.deploy.ingest import Ingest

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


def test_listeners_forward_only_requests_with_the_secret(environment):
    outputs = environment.outputs
    listeners = environment.list(
        "elbv2", "describe_listeners", "Listeners", LoadBalancerArn=outputs["LoadBalancerArn"]
    )
    has_certificate = not environment.has("CertificateArn", "")
    wanted = {80: "HTTP", 443: "HTTPS"} if has_certificate else {80: "HTTP"}
    found = {each["Port"]: each["Protocol"] for each in listeners}
    assert found == wanted, f"the load balancer listens on {found} and should on {wanted}"
    for listener in listeners:
        name = f"the listener of port {listener['Port']}"
        (default,) = listener["DefaultActions"]
        refusal = default.get("FixedResponseConfig", {}).get("StatusCode")
        assert refusal == "403", f"{name} answers other requests with {refusal} and not 403"
        rules = environment.list(
            "elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]
        )
        # The rules contain the secret, which no message may show.
        conditions = [
            [
                condition.get("HttpHeaderConfig", {}).get("HttpHeaderName")
                for condition in rule["Conditions"]
            ]
            for rule in rules
            if any(
                action.get("TargetGroupArn") == outputs["TargetGroupArn"]
                for action in rule["Actions"]
            )
        ]
        # The environments of a shared network have their rules at one of its listeners.
        forwards = listener["ListenerArn"] == outputs.get("ListenerArn", listener["ListenerArn"])
        assert conditions == ([["X-Ingress-Secret"]] if forwards else []), (
            f"{name} forwards to the containers by the headers {conditions}"
        )


def test_request_past_the_api_is_refused(environment):
    if environment.has("Ingress", "private"):
        pytest.skip("with private ingress nobody outside of the VPC reaches the load balancer")
    answer = Ingest(environment.connection, environment.outputs).bypass(b"{}", {})
    assert answer.status == 403, f"the load balancer answers {answer.status} and should answer 403"


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
