"""Zones, and what AWS offers in them."""

import pytest

from checkout import REGION
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    ZONES,
    added,
    change,
    parameters_of,
    problems,
    remediations,
    run_check,
    stubbed,
)

TOKYO = {"ZoneId": "apne1-az3"}
LONDON = {"ZoneId": "euw2-az1"}
OSAKA = {"ZoneId": "apne3-az1"}
SUBNETS = ("PublicSubnet1", "PublicSubnet2")
GATEWAYS = ("NatGateway1", "NatGateway2")
NOT_OFFERED = (Severity.ERROR, "not-offered")


def test_given_zone_must_exist(account):
    subnet, given = change("PublicSubnet1"), {"AvailabilityZone1": "ap-northeast-1z"}
    assert run_check("zones", account, [subnet]) == []
    assert run_check("zones", account, [], **given) == []
    (finding,) = run_check("zones", account, [subnet], **given)
    assert (finding.severity, finding.subject) == (Severity.ERROR, "AvailabilityZone1")
    assert finding.details["problem"] == "unavailable"
    assert "ap-northeast-1a" in finding.details["usable"]


def zones(number, facts, *logical_ids):
    """Return the findings where EC2 describes one of the two zones with these facts."""
    described = {
        name: {"ZoneName": zone, "ZoneId": "apne1-az4", "State": "available"}
        for name, zone in ZONES.items()
    }
    described[f"AvailabilityZone{number}"] |= facts
    answer = {"AvailabilityZones": [*described.values()]}
    connection = stubbed(ec2=[("describe_availability_zones", answer)])
    given = {"Ingress": "private", "NatGateways": "per-zone"}
    return run_check("zones", connection, added(*logical_ids), **given)


@pytest.mark.parametrize(
    ("number", "facts", "created", "found", "parameters"),
    [
        (1, {"State": "constrained"}, SUBNETS, (Severity.WARNING, "constrained"), {}),
        (1, {"State": "unavailable"}, SUBNETS, (Severity.ERROR, "unavailable"), {}),
        (1, TOKYO, GATEWAYS, NOT_OFFERED, {"NatGateways": "none"}),
        (2, TOKYO, GATEWAYS, NOT_OFFERED, {"NatGateways": "single"}),
        (2, {"ZoneId": "use1-az3"}, ("VpcLink",), NOT_OFFERED, {"Ingress": "public"}),
        (1, {"ZoneId": "euw3-az2"}, ("VpcLink",), NOT_OFFERED, {"Ingress": "public"}),
        (
            *(1, OSAKA, ("VpcLink",)),
            *((Severity.WARNING, "region-not-listed"), {"Ingress": "public"}),
        ),
        (1, {"ZoneId": "usw1-az2"}, ("Service",), NOT_OFFERED, {}),
        (2, TOKYO, ("LoadBalancer",), NOT_OFFERED, {}),
    ],
)
def test_zone_can_be_unusable(number, facts, created, found, parameters):
    (finding,) = zones(number, facts, *created)
    assert problems([finding]) == [found]
    assert finding.subject == f"AvailabilityZone{number}"
    assert finding.details["logical_ids"] == [created[number - 1 if len(created) > 1 else 0]]
    assert parameters_of(finding) == parameters


@pytest.mark.parametrize(
    ("number", "facts", "logical_id"),
    [
        (2, TOKYO, "NatGateway1"),
        (2, TOKYO, "PublicSubnet2"),
        (1, LONDON, "VpcLink"),
        (1, OSAKA, "NatGateway1"),
        # A zone that no longer exists has its NAT gateway.
        (1, {"ZoneName": "ap-northeast-1d"}, "NatGateway1"),
    ],
)
def test_zone_need_not_offer_what_is_not_created_there(number, facts, logical_id):
    assert zones(number, facts, logical_id) == []


@pytest.mark.parametrize("created", [("VpcLink",), ("VpcLink", "PrivateSubnet1")])
def test_another_zone_is_proposed_only_while_the_subnets_are_created(created):
    (finding,) = zones(1, {"ZoneId": "use1-az3"}, *created)
    proposed = [{"name": "AvailabilityZone1"}] if len(created) > 1 else []
    assert remediations(finding, "choose-parameter") == proposed


def endpoint_zones(*zones):
    """Return the findings where the service of an endpoint is in these zones."""
    described = [
        {"ZoneName": zone, "ZoneId": f"apne1-az{number}", "State": "available"}
        for number, zone in enumerate(ZONES.values(), 1)
    ]
    service = f"com.amazonaws.{REGION}.logs"
    detail = {"ServiceName": service, "AvailabilityZones": list(zones)}
    answers = [
        ("describe_availability_zones", {"AvailabilityZones": described}),
        (
            "describe_vpc_endpoint_services",
            {"ServiceDetails": [detail]},
            {"ServiceNames": [service]},
        ),
    ]
    return run_check("zones", stubbed(ec2=answers), added("LogsEndpoint"))


def test_interface_endpoint_must_be_offered_in_its_zones(account):
    assert run_check("zones", account, added("LogsEndpoint", "EcrApiEndpoint")) == []
    assert endpoint_zones(*ZONES.values()) == []
    (finding,) = endpoint_zones("ap-northeast-1a")
    assert problems([finding]) == [(Severity.ERROR, "no-endpoint")]
    assert (finding.subject, finding.details["zone"]) == ("AvailabilityZone2", "ap-northeast-1c")
    assert finding.details["logical_ids"] == ["LogsEndpoint"]
