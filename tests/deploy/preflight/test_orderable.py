"""What AWS sells, and what an account must have: each where it passes, finds, cannot be made."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from checkout import CERTIFICATE, REGION, ROOT
from deploying import BUCKET, made_up_session
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.preflight.checking import Severity, Subject, run
from iot_pipeline_cfn.deploy.preflight.checks import CHECKS
from iot_pipeline_cfn.template.changes import PropertyChange
from preflights import resource_change

TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
ZONES = {"AvailabilityZone1": "ap-northeast-1a", "AvailabilityZone2": "ap-northeast-1c"}


@cache
def session():
    return made_up_session(REGION)


@pytest.fixture
def connection():
    """A connection to AWS, where nothing answers but what a test makes up."""
    return Connection(session(), REGION, Target.AWS)


@pytest.fixture
def account():
    """A connection to an account that moto plays."""
    with mock_aws():
        yield Connection(made_up_session(REGION), REGION, Target.AWS)


def added(name):
    """Return the change that makes a resource of the template."""
    return resource_change("Add", name, TEMPLATE["Resources"][name]["Type"])


def modified(name, *properties):
    """Return the change of a resource of the template in some properties."""
    parts = [PropertyChange(part) for part in properties]
    return resource_change("Modify", name, TEMPLATE["Resources"][name]["Type"], "False", parts)


def found(code, connection, *changes, **parameters):
    """Return what a check finds of changes to the template's resources."""
    subject = Subject("dev", connection, TEMPLATE, ZONES | parameters, changes)
    return run({code: CHECKS[code]}, subject)


def answers(client, **calls):
    """Let a client answer calls, in this order: each with what it is asked, and what it says."""
    stubber = Stubber(client)
    for name, asked_and_said in calls.items():
        for asked, said in asked_and_said:
            stubber.add_response(name, said, asked)
    stubber.activate()
    return stubber


ORDER = {"Engine": "postgres", "EngineVersion": "16.15", "DBInstanceClass": "db.t4g.micro"}
OPTION = ORDER | {
    "AvailabilityZones": [{"Name": zone} for zone in ZONES.values()],
    "MultiAZCapable": True,
    "StorageType": "gp3",
    "SupportsEnhancedMonitoring": True,
    "SupportsIAMDatabaseAuthentication": True,
    "SupportsPerformanceInsights": True,
    "SupportsStorageAutoscaling": True,
    "SupportsStorageEncryption": True,
    "Vpc": True,
}


def sells(connection, *options):
    """Let RDS sell the template's database so, and return what has to be asked in the end."""
    answer = {"OrderableDBInstanceOptions": list(options)}
    return answers(
        connection.rds,
        describe_orderable_db_instance_options=[(ORDER | {"Vpc": True}, answer)],
    )


@pytest.mark.parametrize(
    ("change", "parameters"),
    [
        ({}, {}),
        ({}, {"Monitoring": "detailed"}),
        ({"MultiAZCapable": False}, {"Availability": "single-zone"}),
        ({"AvailabilityZones": [{"Name": "ap-northeast-1c"}]}, {"Availability": "single-zone"}),
        ({"AvailabilityZones": [{"Name": "x"}, {"Name": "y"}]}, dict.fromkeys(ZONES, "")),
        ({"SupportsPerformanceInsights": False}, {"Monitoring": "basic"}),
    ],
)
def test_database_that_is_sold(connection, change, parameters):
    """With what it needs, in the zones that it can stand in."""
    lesser = OPTION | {"AvailabilityZones": [], "SupportsIAMDatabaseAuthentication": False}
    sold = sells(connection, OPTION | {"StorageType": "gp2"}, lesser, OPTION | change)
    assert found("database-orderable", connection, added("Database"), **parameters) == []
    sold.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("change", "parameters", "words"),
    [
        ({"StorageType": "io1"}, {}, "with storage io1 only, not gp3"),
        ({"MultiAZCapable": False}, {}, "without MultiAZ; choose another DatabaseInstanceClass"),
        (
            {"SupportsPerformanceInsights": False},
            {"Monitoring": "detailed"},
            "without EnablePerformanceInsights",
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1a"}, {"Name": "ap-northeast-1d"}]},
            {},
            "1d only, and needs 2 of ap-northeast-1a, ap-northeast-1c; give other zones",
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1d"}]},
            {"Availability": "single-zone"},
            "in ap-northeast-1d only, and needs 1 of ap-northeast-1a, ap-northeast-1c",
        ),
        (
            {"AvailabilityZones": [{"Name": "ap-northeast-1d"}]},
            dict.fromkeys(ZONES, ""),
            "in ap-northeast-1d only, and needs 2 of the zones",
        ),
    ],
)
def test_database_that_is_sold_otherwise(connection, change, parameters, words):
    """The finding says how it is sold, and what to choose."""
    sells(connection, OPTION | change)
    (finding,) = found("database-orderable", connection, added("Database"), **parameters)
    assert (finding.severity, finding.logical_ids) == (Severity.ERROR, ["Database"])
    assert finding.message.startswith("Database: postgres 16.15 on db.t4g.micro is sold in ")
    assert words in finding.message


def has_versions(connection, *versions, classes=()):
    """Let RDS sell none of the template's database, but others."""
    whole = {"Engine": "postgres", "EngineVersion": "16.15", "Vpc": True}
    options = [{"DBInstanceClass": name} for name in classes]
    made = [{"EngineVersion": version} for version in versions]
    stubber = Stubber(connection.rds)
    nothing = {"OrderableDBInstanceOptions": []}
    stubber.add_response("describe_orderable_db_instance_options", nothing, ORDER | {"Vpc": True})
    family = {"Engine": "postgres", "DBParameterGroupFamily": "postgres16"}
    stubber.add_response("describe_db_engine_versions", {"DBEngineVersions": made}, family)
    said = {"OrderableDBInstanceOptions": options}
    stubber.add_response("describe_orderable_db_instance_options", said, whole)
    stubber.activate()


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["db.x9.large", "db.m7g.large", "db.t4g.small"], "db.t4g.small, db.m7g.large can be"),
        (["db.x9.large"], "take another region"),
    ],
)
def test_class_that_is_not_sold(connection, classes, words):
    """Those that the template takes are named, if they are."""
    has_versions(connection, "16.9", "16.15", classes=classes)
    (finding,) = found("database-orderable", connection, added("Database"))
    assert "postgres 16.15 on db.t4g.micro is not sold in ap-northeast-1" in finding.message
    assert words in finding.message


@pytest.mark.parametrize("change", [added("Database"), modified("Database", "EngineVersion")])
def test_version_that_cannot_be_made_any_more(connection, change):
    """Those that can are named."""
    has_versions(connection, "16.18", "16.19")
    (finding,) = found("database-orderable", connection, change)
    assert finding.severity is Severity.ERROR
    assert "postgres 16.15 cannot be made any more in ap-northeast-1" in finding.message
    assert "16.18, 16.19 can" in finding.message


def test_database_that_changes(connection):
    """A class that is not sold is found, but not that the version cannot be made any more."""
    has_versions(connection, "16.15")
    (finding,) = found("database-orderable", connection, modified("Database", "DBInstanceClass"))
    assert "is not sold" in finding.message
    other = Connection(session(), REGION, Target.AWS)
    has_versions(other, "16.18")
    assert found("database-orderable", other, modified("Database", "DBInstanceClass")) == []


def sells_cache(connection, versions, offerings):
    offered = {"ReservedCacheNodesOfferings": offerings}
    return answers(
        connection.elasticache,
        describe_cache_engine_versions=[
            (
                {"Engine": "redis"},
                {"CacheEngineVersions": [{"EngineVersion": version} for version in versions]},
            )
        ],
        describe_reserved_cache_nodes_offerings=[({"CacheNodeType": "cache.t4g.micro"}, offered)],
    )


@pytest.mark.parametrize("version", ["7.1", "7.1.0"])
@pytest.mark.parametrize(
    "change",
    [added("Cache"), modified("Cache", "CacheNodeType", "EngineVersion")],
    ids=lambda change: change.action,
)
def test_cache_that_is_sold(connection, change, version):
    """Its version is there, and its nodes can be reserved."""
    sold = sells_cache(connection, ["6.2", version], [{"CacheNodeType": "cache.t4g.micro"}])
    assert found("cache-orderable", connection, change) == []
    sold.assert_no_pending_responses()


def test_cache_that_is_not_sold(connection):
    """Of the version that is sure, of the node type it is not."""
    sells_cache(connection, ["7.0", "7.10"], [])
    version, node_type = found("cache-orderable", connection, added("Cache"))
    assert (version.severity, version.logical_ids) == (Severity.ERROR, ["Cache"])
    assert "redis 7.1 is not sold in ap-northeast-1, but 7.0, 7.10 are" in version.message
    assert (node_type.severity, node_type.logical_ids) == (Severity.WARNING, ["Cache"])
    assert "cache.t4g.micro is probably not sold in ap-northeast-1" in node_type.message


def test_cache_that_exists_keeps_what_is_not_sold_any_more(connection):
    """Its node type changes whether or not its version could be made now, and the other way."""
    none = {"ReservedCacheNodesOfferings": []}
    answers(connection.elasticache, describe_reserved_cache_nodes_offerings=[(None, none)])
    (finding,) = found("cache-orderable", connection, modified("Cache", "CacheNodeType"))
    assert "cache.t4g.micro is probably not sold" in finding.message
    other = Connection(session(), REGION, Target.AWS)
    newer = {"CacheEngineVersions": [{"EngineVersion": "8.0"}]}
    answers(other.elasticache, describe_cache_engine_versions=[(None, newer)])
    (finding,) = found("cache-orderable", other, modified("Cache", "EngineVersion"))
    assert "is not sold in ap-northeast-1, but 8.0 are" in finding.message


def test_what_is_found_before_a_call_is_denied_counts(connection):
    """The version is not sold, whoever may ask for nodes."""
    stubber = Stubber(connection.elasticache)
    stubber.add_response("describe_cache_engine_versions", {"CacheEngineVersions": []})
    stubber.add_client_error("describe_reserved_cache_nodes_offerings", "AccessDenied")
    stubber.activate()
    findings = found("cache-orderable", connection, added("Cache"))
    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.NOTE]


def imported(acm, *names, days=90):
    """Return a certificate that somebody has made for names, and that ends in some days."""
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


def certified(connection, arn, *changes, domain="iot.example.com"):
    changes = changes or [added("HttpListener"), added("HttpsListener"), added("ApiStage")]
    given = {"CertificateArn": arn, "DomainName": domain}
    return found("certificate", connection, *changes, **given)


@pytest.mark.parametrize("name", ["iot.example.com", "*.example.com"])
def test_certificate_that_can_be_used(account, name):
    """It is for the name of the load balancer, and lasts."""
    assert certified(account, imported(account.acm, "other.example.org", name)) == []
    assert certified(account, "") == []


@pytest.mark.parametrize("name", ["example.com", "*.iot.example.com", "*.com"])
def test_certificate_for_another_name(account, name):
    """A wildcard stands for one label."""
    (finding,) = certified(account, imported(account.acm, name))
    assert (finding.severity, finding.logical_ids) == (
        Severity.ERROR,
        ["HttpsListener", "ApiStage"],
    )
    assert f"is for {name}, which does not cover DomainName iot.example.com" in finding.message


def test_certificate_that_another_name_is_given_for(account):
    """The stage changes alone: it calls the load balancer by that name."""
    arn = imported(account.acm, "iot.example.com")
    renamed = modified("ApiStage", "Variables.domainName")
    (finding,) = certified(account, arn, renamed, domain="new.example.com")
    assert finding.logical_ids == ["ApiStage"]


def test_certificate_that_ends_soon(account):
    """And that ACM does not renew, since it is imported."""
    (finding,) = certified(account, imported(account.acm, "iot.example.com", days=20))
    assert finding.severity is Severity.WARNING
    assert "and ACM does not renew it: import its successor" in finding.message


def test_certificate_that_is_not_issued(account):
    """Whoever has requested it has to show that the name is his."""
    arn = account.acm.request_certificate(DomainName="*.example.com")["CertificateArn"]
    (finding,) = certified(account, arn)
    assert finding.severity is Severity.ERROR
    assert "is not issued yet: create the DNS records" in finding.message
    shown = f"aws acm describe-certificate --certificate-arn {arn} --region ap-northeast-1"
    assert finding.message.partition("to see them: ")[2] == shown


def test_certificate_that_is_not_there(account):
    """Neither in the account, nor in the region."""
    (finding,) = certified(account, CERTIFICATE["CertificateArn"])
    assert finding.severity is Severity.ERROR
    assert "does not exist in this account" in finding.message
    elsewhere = CERTIFICATE["CertificateArn"].replace(REGION, "us-east-1")
    (finding,) = certified(account, elsewhere)
    assert finding.severity is Severity.ERROR
    assert "is in us-east-1; give one of ap-northeast-1" in finding.message


ISSUED = {"Status": "ISSUED", "SubjectAlternativeNames": ["IOT.example.com"]}
TOMORROW = {"NotAfter": datetime.now(UTC) + timedelta(days=1)}
YESTERDAY = {"NotAfter": datetime.now(UTC) - timedelta(days=1)}


@pytest.mark.parametrize(
    ("detail", "severity", "words"),
    [
        (YESTERDAY | {"Status": "EXPIRED"}, Severity.ERROR, "is EXPIRED, and only an ISSUED one"),
        ({"Type": "PRIVATE"}, Severity.WARNING, "which API Gateway does not trust"),
        (
            TOMORROW | {"RenewalEligibility": "INELIGIBLE", "Type": "AMAZON_ISSUED"},
            Severity.WARNING,
            "ACM renews only what is in use",
        ),
        (TOMORROW | {"RenewalEligibility": "ELIGIBLE"}, None, ""),
    ],
)
def test_certificate_of_another_kind(connection, detail, severity, words):
    """One that has expired, one of a private authority, one that is renewed and one that is not."""
    said = {"Certificate": ISSUED | detail}
    answers(connection.acm, describe_certificate=[(None, said)])
    findings = certified(connection, CERTIFICATE["CertificateArn"])
    assert [finding.severity for finding in findings] == [severity] * bool(severity)
    assert all(words in finding.message for finding in findings)


def test_access_logs_need_the_role_of_the_account(connection):
    """Only where they are switched on."""
    code, stage = "api-gateway-account", added("ApiStage")
    role = {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"}
    answers(connection.apigateway, get_account=[({}, {}), ({}, {}), ({}, role)])
    assert found(code, connection, stage) == []
    for change in (stage, modified("ApiStage", "AccessLogSetting")):
        (finding,) = found(code, connection, change, ApiAccessLogs="enabled")
        assert (finding.severity, finding.logical_ids) == (Severity.ERROR, ["ApiStage"])
        assert "no role to write logs with in ap-northeast-1" in finding.message
        assert "--parameter ApiAccessLogs=disabled" in finding.message
    assert found(code, connection, stage, ApiAccessLogs="enabled") == []


ROLES = {
    "Cache": "elasticache.amazonaws.com",
    "Cluster": "ecs.amazonaws.com",
    "Database": "rds.amazonaws.com",
    "LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "ServiceScalableTarget": "ecs.application-autoscaling.amazonaws.com",
    "VpcLink": "ops.apigateway.amazonaws.com",
}


def test_services_need_their_roles(account):
    """The finding has a command for each that is missing, until none is."""
    changes = [added(name) for name in ROLES]
    for name, service in ROLES.items():
        (finding,) = found("service-linked-roles", account, *changes)
        assert finding.severity is Severity.WARNING
        assert name in finding.logical_ids
        command = f"aws iam create-service-linked-role --aws-service-name {service}"
        assert command in finding.message.split(": ", 1)[1].split("; ")
        account.iam.create_service_linked_role(AWSServiceName=service)
        (rest,) = found("service-linked-roles", account, *changes) or [None]
        assert rest is None or command not in rest.message.split(": ", 1)[1].split("; ")
    assert rest is None


def zones_without_nat_gateways(connection, *changes):
    zone = {"State": "available"}
    said = {
        "AvailabilityZones": [
            zone | {"ZoneName": "ap-northeast-1a", "ZoneId": "apne1-az4"},
            zone | {"ZoneName": "ap-northeast-1c", "ZoneId": "apne1-az3"},
        ]
    }
    answers(connection.ec2, describe_availability_zones=[(None, said)])
    return found("zones", connection, *changes, NatGateways="per-zone")


def test_zone_without_nat_gateways(connection):
    """It can hold all else; whether it is new makes no difference."""
    both = added("NatGateway1"), added("NatGateway2")
    (finding,) = zones_without_nat_gateways(connection, *both)
    assert (finding.severity, finding.logical_ids) == (Severity.ERROR, ["NatGateway2"])
    assert "AvailabilityZone2: ap-northeast-1c is apne1-az3" in finding.message
    assert "NatGateways=single" in finding.message


@pytest.mark.parametrize("changed", [("NatGateway1",), ("PublicSubnet2",)])
def test_zone_that_no_nat_gateway_stands_in(connection, changed):
    """What it cannot hold is not wanted there."""
    assert zones_without_nat_gateways(connection, *map(added, changed)) == []


@pytest.mark.parametrize(
    ("state", "severity"), [("constrained", Severity.WARNING), ("unavailable", Severity.ERROR)]
)
def test_zone_in_which_not_everything_can_be_had(connection, state, severity):
    """It is only refused where nothing can be."""
    zones = [
        {"ZoneName": name, "ZoneId": f"apne1-az{number}", "State": said}
        for number, (name, said) in enumerate(
            zip(ZONES.values(), (state, "available"), strict=True)
        )
    ]
    answers(connection.ec2, describe_availability_zones=[({}, {"AvailabilityZones": zones})])
    (finding,) = found("zones", connection, added("PublicSubnet1"), added("PublicSubnet2"))
    assert (finding.severity, finding.logical_ids) == (severity, ["PublicSubnet1"])
    assert "AvailabilityZone1: ap-northeast-1a is " in finding.message


def test_zone_that_is_gone_since(connection):
    """What stands there is not asked for, nor what could not be put there."""
    stubber = Stubber(connection.ec2)
    stubber.add_response("describe_availability_zones", {"AvailabilityZones": []})
    stubber.activate()
    assert found("zones", connection, added("NatGateway1")) == []


def test_resource_that_the_template_does_not_have_is_not_described():
    """Such as one that is replaced while its condition cannot be told."""
    kind = "AWS::RDS::DBInstance"
    other = resource_change("Modify", "Other", kind, "True")
    subject = Subject(
        "dev",
        Connection(session(), REGION, Target.AWS),
        TEMPLATE,
        ZONES,
        [other, modified("Database", "Engine")],
    )
    assert list(subject.touched(kind, "Engine")) == ["Database"]


CALLS = {
    "api-gateway-account": ("apigateway", "get_account"),
    "cache-orderable": ("elasticache", "describe_cache_engine_versions"),
    "certificate": ("acm", "describe_certificate"),
    "database-orderable": ("rds", "describe_orderable_db_instance_options"),
    "service-linked-roles": ("iam", "list_roles"),
}


@pytest.mark.parametrize("code", CALLS)
def test_check_that_is_denied_blocks_nothing(connection, code):
    """That is worth a note."""
    service, call = CALLS[code]
    stubber = Stubber(getattr(connection, service))
    stubber.add_client_error(call, "AccessDenied")
    stubber.activate()
    changes = map(added, [*ROLES, "ApiStage", "HttpsListener"])
    (finding,) = found(code, connection, *changes, ApiAccessLogs="enabled", **CERTIFICATE)
    assert finding.severity is Severity.NOTE
    assert "could not be checked: access denied" in finding.message


@pytest.mark.parametrize("code", CALLS)
def test_check_that_is_not_concerned_makes_no_client(connection, code):
    """Which would cost a deployment more than the call."""
    changes = [added("RestApi"), modified("Database", "Tags"), modified("ApiStage", "Tags")]
    assert found(code, connection, *changes, ApiAccessLogs="enabled", **CERTIFICATE) == []
    assert not connection.clients.keys() & {service for service, _ in CALLS.values()}


def test_embedded_aws_is_not_asked_what_it_cannot_know(project):
    """Not for the environment that uses all of it; it has no certificate, and no roles."""
    project.write(TEMPLATE, prod=json.loads((ROOT / "parameters/prod.json").read_text()))
    given = CERTIFICATE | ZONES | {"ApiAccessLogs": "enabled", "ImageTag": "v1"}
    options = [f"--parameter={name}={value}" for name, value in given.items()]
    done = project.run("preflight", "prod", *BUCKET, *options)
    assert done.status == 0, done.out
    assert re.findall(r"^\w+ ([a-z-]+):", done.out, re.MULTILINE) == ["image"]
