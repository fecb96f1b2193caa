"""Changes of public access, authentication and encryption."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.exposure import find_exposure_changes
from iot_pipeline_cfn.template.findings import Severity

OLD_TLS, NEW_TLS, STRICT_TLS = (
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
)
LESS = "weaker-authorization"
WEAK_TLS = "weak-tls"
KEY_REMOVED = "customer-managed-key-removed"
UNENCRYPTED = "unencrypted-storage"
SIGNED, KEYED, OPEN = (
    {"AuthorizationType": "AWS_IAM"},
    {"ApiKeyRequired": True, "AuthorizationType": "NONE"},
    {"AuthorizationType": "NONE"},
)


def https(policy=None):
    return {"Protocol": "HTTPS", **({"SslPolicy": policy} if policy else {})}


def blocked(**switches):
    names = (
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    )
    return {"PublicAccessBlockConfiguration": dict.fromkeys(names, True) | switches}


def placed(address):
    return {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": address}}}


REDIRECTED = {"DefaultActions": [{"Type": "redirect"}], "Protocol": "HTTP"}

# A row: type, properties before, or nothing where it is new, properties after, code.
EXPOSED = [
    ("ApiGateway::DomainName", {"SecurityPolicy": "TLS_1_2"}, {"SecurityPolicy": "TLS_1_0"},
     WEAK_TLS),
    ("ApiGateway::Method", SIGNED, KEYED, LESS),
    ("ApiGateway::Method", KEYED, OPEN, LESS),
    ("ApiGateway::Method", SIGNED, OPEN, LESS),
    ("ApiGateway::Method", None, OPEN, LESS),
    ("ApiGatewayV2::Route", SIGNED, {}, "unauthenticated-callers"),
    ("EC2::EIPAssociation", None, {"AllocationId": "eipalloc-1"}, "public-address"),
    ("EC2::Instance", {}, {"NetworkInterfaces": [{"AssociatePublicIpAddress": True}]},
     "public-address"),
    ("EC2::Route", {"NatGatewayId": "nat-1"}, {"GatewayId": "igw-1"},
     "internet-gateway-route"),
    ("EC2::Subnet", {}, {"MapPublicIpOnLaunch": "true"},
     "public-address"),
    ("ECR::Repository", {"EncryptionConfiguration": {"KmsKey": {"Ref": "Key"}}}, {}, KEY_REMOVED),
    ("ECS::Service", placed("DISABLED"), placed("ENABLED"), "public-address"),
    ("ECS::Service", None, placed("ENABLED"), "public-address"),
    ("ElastiCache::ReplicationGroup", {"AtRestEncryptionEnabled": True},
     {"AtRestEncryptionEnabled": False}, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", {"AtRestEncryptionEnabled": "true"}, {}, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", {"TransitEncryptionEnabled": True}, {},
     "clear-text-connections"),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), {"Protocol": "HTTP"}, WEAK_TLS),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), https(OLD_TLS), WEAK_TLS),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), https(), WEAK_TLS),
    ("ElasticLoadBalancingV2::Listener", https(STRICT_TLS), https(NEW_TLS), WEAK_TLS),
    ("ElasticLoadBalancingV2::Listener", REDIRECTED, {"Protocol": "HTTP"}, WEAK_TLS),
    ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"}, {}, "internet-facing"),
    ("ElasticLoadBalancingV2::LoadBalancer", None, {"Scheme": "internet-facing"},
     "internet-facing"),
    ("Lambda::Url", {"AuthType": "AWS_IAM"}, {"AuthType": "NONE"}, "unauthenticated-callers"),
    ("Logs::LogGroup", {"KmsKeyId": {"Ref": "Key"}}, {}, KEY_REMOVED),
    ("RDS::DBInstance", {"StorageEncrypted": True}, {"StorageEncrypted": False}, UNENCRYPTED),
    ("RDS::DBInstance", {"PubliclyAccessible": False}, {"PubliclyAccessible": True},
     "public-access"),
    ("S3::Bucket", blocked(), blocked(BlockPublicPolicy=False), "public-access"),
    ("S3::Bucket", blocked(), {}, "public-access"),
    ("S3::Bucket", {}, {"WebsiteConfiguration": {}}, "public-access"),
    ("SQS::Queue", {}, {"SqsManagedSseEnabled": False}, UNENCRYPTED),
    ("SecretsManager::Secret", {"KmsKeyId": "key"}, {}, KEY_REMOVED),
    ("WAFv2::WebACL", {"DefaultAction": {"Block": {}}}, {"DefaultAction": {"Allow": {}}},
     "web-acl-allows-by-default"),
]  # fmt: skip


def compare(kind, before, after):
    return compared(find_exposure_changes, of(kind, before), of(kind, after))


def of(kind, properties):
    return (
        {} if properties is None else {"Thing": {"Type": f"AWS::{kind}", "Properties": properties}}
    )


@pytest.mark.parametrize(("kind", "before", "after", "code"), EXPOSED)
def test_more_exposed_resource_is_found_and_its_reversal_is_no_exposure(kind, before, after, code):
    # Other properties are missing both before and after.
    found = compare(kind, before, after)
    assert code in {each.code for each in found if each.severity is Severity.EXPOSURE}
    assert {each.subject for each in found} == {"Thing"}
    reversal = compare(kind, after, before)
    assert {each.code for each in reversal} == (set() if before is None else {"less-exposed"})
    assert {each.severity for each in reversal} <= {Severity.CHANGE}


# A row: type, properties before and after.
HARMLESS = [
    ("ApiGateway::Method", {"HttpMethod": "OPTIONS", **SIGNED}, {"HttpMethod": "OPTIONS", **OPEN}),
    ("ElasticLoadBalancingV2::Listener", https(STRICT_TLS), https(f"{STRICT_TLS}-PQ-2025-09")),
    ("ElasticLoadBalancingV2::Listener", None, REDIRECTED),
    ("ElasticLoadBalancingV2::Listener", None, https(NEW_TLS)),
    ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internet-facing"}, {}),
    ("RDS::DBInstance", {"StorageEncrypted": "true"}, {"StorageEncrypted": True}),
    ("S3::Bucket", None, {}),
    ("S3::Bucket", {}, {"Tags": []}),
    ("WAFv2::WebACL", None, {"DefaultAction": {"Allow": {}}}),
]


@pytest.mark.parametrize(("kind", "before", "after"), HARMLESS)
def test_harmless_change_is_no_finding(kind, before, after):
    assert compare(kind, before, after) == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ApiGateway::Method", "new-api-method"),
        ("ApiGateway::Resource", "new-api-path"),
        ("EC2::EIP", "new-elastic-ip"),
        ("ElasticLoadBalancingV2::ListenerRule", "new-listener-rule"),
    ],
)
def test_new_entry_point_is_a_change(kind, code):
    (finding,) = compare(kind, None, SIGNED)
    assert (finding.severity, finding.code) == (Severity.CHANGE, code)


def test_finding_has_the_properties_and_a_page_about_them():
    (finding,) = compare("ElasticLoadBalancingV2::Listener", https(NEW_TLS), {"Protocol": "HTTP"})
    assert finding.details["before"] == {"Protocol": "HTTPS", "SslPolicy": NEW_TLS}
    assert finding.details["after"] == {"Protocol": "HTTP", "SslPolicy": "none"}
    assert finding.details["documentation"].endswith(
        "/aws-resource-elasticloadbalancingv2-listener.html"
    )


def test_finding_about_one_property_has_its_values():
    (finding,) = compare("SecretsManager::Secret", {"KmsKeyId": {"Ref": "Key"}}, {})
    assert finding.details["properties"] == ["KmsKeyId"]
    assert (finding.details["before"], finding.details["after"]) == ("Key", "none")


def test_reference_may_expose():
    kind = "RDS::DBInstance"
    hidden = {"PubliclyAccessible": {"Ref": "X"}, "StorageEncrypted": True}
    known = {"PubliclyAccessible": False, "StorageEncrypted": True}
    (finding,) = compare(kind, known, hidden)
    assert (finding.severity, finding.code) == (Severity.EXPOSURE, "public-access")
    assert not finding.details["is_certain"]
    assert compare(kind, hidden, hidden | {"Port": 1}) == []


def guarded(name="Association", stage="Stage"):
    arn = {"Fn::Sub": f"arn:aws:apigateway:::/stages/${{{stage}}}"}
    properties = {"ResourceArn": arn, "WebACLArn": "any"}
    return {
        "Stage": {"Type": "AWS::ApiGateway::Stage"},
        "Other": {"Type": "AWS::ApiGateway::Stage"},
        name: {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": properties},
    }


@pytest.mark.parametrize(
    ("after", "exposed"),
    [
        ({"Stage": {"Type": "AWS::ApiGateway::Stage"}}, ["Stage"]),
        (guarded(stage="Other"), ["Stage"]),
        (guarded(name="Renamed"), []),
        ({}, []),
    ],
)
def test_resource_that_stays_without_its_web_acl_is_exposed(after, exposed):
    found = compared(find_exposure_changes, guarded(), after)
    assert [finding.subject for finding in found] == exposed
