"""Elastic IPs and certificates that parameters name."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from checkout import CERTIFICATE, REGION
from iot_pipeline_cfn.template.findings import Severity
from preflights import (
    NOWHERE,
    added,
    change,
    commands,
    modified,
    problems,
    run_check,
    stubbed,
)
from quota_consumers import elastic_ip

ADDRESS = "NatElasticIpAllocationId"


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


def address(connection, *changes, **given):
    return run_check("allocated-address", connection, changes, **given)


GATEWAY = change("NatGateway1")


def test_given_address_must_exist_and_be_free(account, aws):
    assert address(account, GATEWAY, NatElasticIpAllocationId=elastic_ip(aws)) == []
    assert address(account, GATEWAY) == []
    assert address(account, NatElasticIpAllocationId="eipalloc-0") == []
    (missing,) = address(account, GATEWAY, NatElasticIpAllocationId="eipalloc-0123456789abcdef0")
    (used,) = address(account, GATEWAY, NatElasticIpAllocationId=used_address(aws))
    for finding, problem in ((missing, "missing"), (used, "in-use")):
        assert (finding.severity, finding.subject) == (Severity.ERROR, ADDRESS)
        assert finding.details["problem"] == problem
        assert finding.details["logical_ids"] == ["NatGateway1"]
    assert used.details["user"] == "iot-pipeline-pr1"
    assert "describe-addresses" in commands(missing)[0]


def test_user_of_a_given_address_is_found_by_its_nat_gateway(account, aws):
    given = used_address(aws, elastic_ip(aws))
    (used,) = address(account, GATEWAY, NatElasticIpAllocationId=given)
    assert used.details["user"] == "iot-pipeline-pr1"


def test_user_of_an_address_is_its_interface_where_gateways_cannot_be_listed():
    used = {"AllocationId": "eipalloc-0", "AssociationId": "a", "NetworkInterfaceId": "eni-0"}
    addresses = ("describe_addresses", {"Addresses": [used]})
    connection = stubbed(ec2=[addresses, ("describe_nat_gateways", "UnauthorizedOperation")])
    (finding,) = address(connection, GATEWAY, NatElasticIpAllocationId="eipalloc-0")
    assert (finding.severity, finding.details["user"]) == (Severity.ERROR, "eni-0")


def test_given_address_may_be_used_by_the_gateway_that_stays(account, aws):
    """The first NAT gateway has the given address, and the second one of its own."""
    given = {"NatGateways": "per-zone", ADDRESS: used_address(aws)}
    assert address(account, change("NatGateway2"), **given) == []
    assert len(address(account, change("NatGateway1", "Modify", "True"), **given)) == 1


@pytest.fixture
def moto_account():
    """A connection to an account of moto in this process."""
    with mock_aws():
        yield stubbed()


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
    return problems(found)


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
def test_certificate_must_cover_the_domain(moto_account, name, covers):
    """A wildcard stands for one label."""
    arn = imported(moto_account.acm, "other.example.org", name)
    assert certificate(moto_account, arn) == ([] if covers else [(Severity.ERROR, "other-domain")])
    assert certificate(moto_account, "") == []


def test_certificate_is_checked_for_the_resources_that_use_it(moto_account):
    arn = imported(moto_account.acm, "iot.example.com")
    given = {"CertificateArn": arn, "DomainName": "new.example.com"}
    renamed = [modified("ApiStage", "Variables.domainName"), change("HttpListener")]
    (finding,) = run_check("certificate", moto_account, renamed, **given)
    assert finding.details["logical_ids"] == ["ApiStage"]
    unrelated = [modified("ApiStage", "Tags")]
    assert run_check("certificate", NOWHERE, unrelated, **given) == []


def test_certificate_that_expires_and_is_not_renewed_is_a_warning(moto_account):
    arn = imported(moto_account.acm, "iot.example.com", days=20)
    assert certificate(moto_account, arn) == [(Severity.WARNING, "expires")]


def test_certificate_must_be_validated(moto_account):
    arn = moto_account.acm.request_certificate(DomainName="*.example.com")["CertificateArn"]
    given = {"CertificateArn": arn, "DomainName": "iot.example.com"}
    (finding,) = run_check("certificate", moto_account, added("HttpsListener"), **given)
    assert finding.details["problem"] == "pending-validation"
    shown = ["aws", "acm", "describe-certificate", "--certificate-arn", arn, "--region", REGION]
    assert commands(finding) == [shown]


def test_certificate_must_exist_in_the_account_and_region(moto_account):
    arn = CERTIFICATE["CertificateArn"]
    assert certificate(moto_account, arn) == [(Severity.ERROR, "missing")]
    elsewhere = arn.replace(REGION, "us-east-1")
    assert certificate(moto_account, elsewhere) == [(Severity.ERROR, "other-region")]


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
    connection = stubbed(acm=[("describe_certificate", {"Certificate": ISSUED | detail})])
    assert certificate(connection, CERTIFICATE["CertificateArn"]) == found
