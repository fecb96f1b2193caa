"""Zones, Elastic IPs and certificates that parameters name."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from checkout import CERTIFICATE, REGION
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    NOWHERE,
    ZONES,
    added,
    change,
    commands,
    modified,
    parameters_of,
    run_check,
    stub,
    stubbed_connection,
)
from quota_consumers import elastic_ip

ADDRESS = "NatElasticIpAllocationId"


@pytest.fixture
def check(connect_to):
    """A function that runs a check on the emulator."""
    return lambda code, *changes, **given: run_check(code, connect_to(), changes, **given)


def used_address(aws, given=None):
    """Return the address of an environment's NAT gateway: its own, or a given one."""
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24"},
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {}},
        "Gateway": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "SubnetId": {"Ref": "Subnet"},
                "AllocationId": given or {"Fn::GetAtt": ["Address", "AllocationId"]},
            },
        },
    }
    if given:
        del resources["Address"]
    aws("cloudformation").create_stack(
        StackName="iot-pipeline-pr1", TemplateBody=json.dumps({"Resources": resources})
    )
    while True:
        for each in aws("ec2").describe_addresses()["Addresses"]:
            if "AssociationId" in each:
                return each["AllocationId"]


def test_given_address_must_exist_and_be_free(check, aws):
    check = partial(check, "allocated-address")
    gateway = change("NatGateway1")
    assert check(gateway, NatElasticIpAllocationId=elastic_ip(aws)) == []
    assert check(gateway) == []
    assert check(NatElasticIpAllocationId="eipalloc-0") == []
    (missing,) = check(gateway, NatElasticIpAllocationId="eipalloc-0123456789abcdef0")
    (used,) = check(gateway, NatElasticIpAllocationId=used_address(aws))
    for finding, problem in ((missing, "missing"), (used, "in-use")):
        assert (finding.severity, finding.subject) == (Severity.ERROR, ADDRESS)
        assert finding.details["problem"] == problem
        assert finding.details["logical_ids"] == ["NatGateway1"]
    assert used.details["user"] == "iot-pipeline-pr1"
    assert "describe-addresses" in commands(missing)[0]


def test_user_of_a_given_address_is_found_by_its_nat_gateway(check, aws):
    given = used_address(aws, elastic_ip(aws))
    (used,) = check("allocated-address", change("NatGateway1"), NatElasticIpAllocationId=given)
    assert used.details["user"] == "iot-pipeline-pr1"


def test_user_of_an_address_is_its_interface_where_gateways_cannot_be_listed():
    connection = stubbed_connection()
    used = {"AllocationId": "eipalloc-0", "AssociationId": "a", "NetworkInterfaceId": "eni-0"}
    stub(
        connection,
        "ec2",
        ("describe_addresses", {"Addresses": [used]}),
        ("describe_nat_gateways", "UnauthorizedOperation"),
    )
    given = {ADDRESS: "eipalloc-0"}
    (finding,) = run_check("allocated-address", connection, added("NatGateway1"), **given)
    assert (finding.severity, finding.details["user"]) == (Severity.ERROR, "eni-0")


def test_given_address_may_be_used_by_the_gateway_that_stays(check, aws):
    """The first NAT gateway has the given address, and the second one of its own."""
    given = {"NatGateways": "per-zone", ADDRESS: used_address(aws)}
    assert check("allocated-address", change("NatGateway2"), **given) == []
    replaced = change("NatGateway1", "Modify", "True")
    assert len(check("allocated-address", replaced, **given)) == 1


def test_given_zone_must_exist(check):
    assert check("zones", change("PublicSubnet1")) == []
    assert check("zones", AvailabilityZone1="ap-northeast-1z") == []
    (finding,) = check("zones", change("PublicSubnet1"), AvailabilityZone1="ap-northeast-1z")
    assert (finding.severity, finding.subject) == (Severity.ERROR, "AvailabilityZone1")
    assert finding.details["problem"] == "unavailable"
    assert "ap-northeast-1a" in finding.details["usable"]


def zones(*changes, states=("available", "available"), ids=("apne1-az4", "apne1-az1"), **given):
    connection = stubbed_connection()
    described = [
        {"ZoneName": name, "ZoneId": zone_id, "State": state}
        for name, zone_id, state in zip(ZONES.values(), ids, states, strict=True)
    ]
    stub(connection, "ec2", ("describe_availability_zones", {"AvailabilityZones": described}))
    found = run_check("zones", connection, changes, NatGateways="per-zone", **given)
    return [
        (each.severity, each.subject, each.details["problem"], each.details["logical_ids"])
        for each in found
    ]


def test_zone_can_be_constrained():
    subnets = added("PublicSubnet1", "PublicSubnet2")
    assert zones(*subnets, states=("constrained", "available")) == [
        (Severity.WARNING, "AvailabilityZone1", "constrained", ["PublicSubnet1"])
    ]
    assert zones(*subnets, states=("unavailable", "available")) == [
        (Severity.ERROR, "AvailabilityZone1", "unavailable", ["PublicSubnet1"])
    ]


def test_zone_can_lack_nat_gateways():
    ids = ("apne1-az4", "apne1-az3")
    assert zones(*added("NatGateway1", "NatGateway2"), ids=ids) == [
        (Severity.ERROR, "AvailabilityZone2", "no-nat-gateways", ["NatGateway2"])
    ]
    assert zones(*added("NatGateway1"), ids=ids) == []
    assert zones(*added("PublicSubnet2"), ids=ids) == []


@pytest.mark.parametrize(("number", "fewer"), [(1, "none"), (2, "single")])
def test_zone_without_nat_gateways_can_do_with_fewer(number, fewer):
    connection = stubbed_connection()
    zone = {"ZoneName": ZONES[f"AvailabilityZone{number}"], "ZoneId": "apne1-az3"}
    described = {"AvailabilityZones": [zone | {"State": "available"}]}
    stub(connection, "ec2", ("describe_availability_zones", described))
    (finding,) = run_check(
        "zones", connection, added(f"NatGateway{number}"), NatGateways="per-zone"
    )
    assert parameters_of(finding) == {"NatGateways": fewer}


def test_zone_that_no_longer_exists_has_its_nat_gateway():
    connection = stubbed_connection()
    stub(connection, "ec2", ("describe_availability_zones", {"AvailabilityZones": []}))
    assert run_check("zones", connection, added("NatGateway1")) == []


@pytest.fixture
def account():
    """A connection to an account of moto."""
    with mock_aws():
        yield stubbed_connection()


def imported(acm, *names, days=90):
    """Import a certificate for names, which expires in some days, and return its ARN."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.TraditionalOpenSSL
    return acm.import_certificate(
        Certificate=certificate.public_bytes(pem),
        PrivateKey=key.private_bytes(pem, private, serialization.NoEncryption()),
    )["CertificateArn"]


def certificate(connection, arn, *changes, domain="iot.example.com"):
    """Return the severity and the problem of each finding about a certificate."""
    changes = changes or added("HttpListener", "HttpsListener", "ApiStage")
    given = {"CertificateArn": arn, "DomainName": domain}
    found = run_check("certificate", connection, changes, **given)
    assert {each.subject for each in found} <= {"CertificateArn"}
    return [(each.severity, each.details["problem"]) for each in found]


@pytest.mark.parametrize(
    ("name", "covers"),
    [
        ("iot.example.com", True),
        ("*.example.com", True),
        ("example.com", False),
        ("*.iot.example.com", False),
        ("*.com", False),
    ],
)
def test_certificate_must_cover_the_domain(account, name, covers):
    """A wildcard stands for one label."""
    arn = imported(account.acm, "other.example.org", name)
    assert certificate(account, arn) == ([] if covers else [(Severity.ERROR, "other-domain")])
    assert certificate(account, "") == []


def test_certificate_is_checked_for_the_resources_that_use_it(account):
    arn = imported(account.acm, "iot.example.com")
    given = {"CertificateArn": arn, "DomainName": "new.example.com"}
    renamed = [modified("ApiStage", "Variables.domainName"), change("HttpListener")]
    (finding,) = run_check("certificate", account, renamed, **given)
    assert finding.details["logical_ids"] == ["ApiStage"]
    unrelated = [modified("ApiStage", "Tags")]
    assert run_check("certificate", NOWHERE, unrelated, **given) == []


def test_certificate_that_expires_and_is_not_renewed_is_a_warning(account):
    arn = imported(account.acm, "iot.example.com", days=20)
    assert certificate(account, arn) == [(Severity.WARNING, "expires")]


def test_certificate_must_be_validated(account):
    arn = account.acm.request_certificate(DomainName="*.example.com")["CertificateArn"]
    given = {"CertificateArn": arn, "DomainName": "iot.example.com"}
    (finding,) = run_check("certificate", account, added("HttpsListener"), **given)
    assert finding.details["problem"] == "pending-validation"
    shown = ["aws", "acm", "describe-certificate", "--certificate-arn", arn, "--region", REGION]
    assert commands(finding) == [shown]


def test_certificate_must_exist_in_the_account_and_region(account):
    arn = CERTIFICATE["CertificateArn"]
    assert certificate(account, arn) == [(Severity.ERROR, "missing")]
    elsewhere = arn.replace(REGION, "us-east-1")
    assert certificate(account, elsewhere) == [(Severity.ERROR, "other-region")]


ISSUED = {"Status": "ISSUED", "SubjectAlternativeNames": ["IOT.example.com"]}
TOMORROW = {"NotAfter": datetime.now(UTC) + timedelta(days=1)}
YESTERDAY = {"NotAfter": datetime.now(UTC) - timedelta(days=1)}


@pytest.mark.parametrize(
    ("detail", "found"),
    [
        (YESTERDAY | {"Status": "EXPIRED"}, [(Severity.ERROR, "not-issued")]),
        ({"Type": "PRIVATE"}, [(Severity.WARNING, "private-authority")]),
        (
            TOMORROW | {"RenewalEligibility": "INELIGIBLE", "Type": "AMAZON_ISSUED"},
            [(Severity.WARNING, "expires")],
        ),
        (TOMORROW | {"RenewalEligibility": "ELIGIBLE"}, []),
    ],
)
def test_certificate_can_be_unusable(detail, found):
    connection = stubbed_connection()
    stub(connection, "acm", ("describe_certificate", {"Certificate": ISSUED | detail}))
    assert certificate(connection, CERTIFICATE["CertificateArn"]) == found
