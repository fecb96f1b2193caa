"""What anybody can see after a change, and could not before."""

import pytest

from iot_pipeline_cfn.review import surface
from iot_pipeline_cfn.review.remarks import Severity

OLD_TLS, NEW_TLS, STRICT_TLS = (
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
)
LESS = "asks its callers for less than a signature or a token"
CLEAR = "takes requests in the clear or by weak TLS"
OWN_KEY = "is no longer encrypted with a key of its own"
UNENCRYPTED = "is stored unencrypted"
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

# A row: type, properties before, or nothing where it is new, properties after, words.
EXPOSED = [
    ("ApiGateway::DomainName", {"SecurityPolicy": "TLS_1_2"}, {"SecurityPolicy": "TLS_1_0"},
     "admits old TLS"),
    ("ApiGateway::Method", SIGNED, KEYED, LESS),
    ("ApiGateway::Method", KEYED, OPEN, LESS),
    ("ApiGateway::Method", SIGNED, OPEN, LESS),
    ("ApiGateway::Method", None, OPEN, LESS),
    ("ApiGatewayV2::Route", SIGNED, {}, "asks for no signature"),
    ("EC2::EIPAssociation", None, {}, "makes what it names reachable from the internet"),
    ("EC2::Instance", {}, {"NetworkInterfaces": [{"AssociatePublicIpAddress": True}]},
     "gets a public address"),
    ("EC2::Route", {"NatGatewayId": "nat-1"}, {"GatewayId": "igw-1"},
     "leads to an internet gateway"),
    ("EC2::Subnet", {}, {"MapPublicIpOnLaunch": "true"},
     "gives public addresses to what is in it"),
    ("ECR::Repository", {"EncryptionConfiguration": {"KmsKey": {"Ref": "Key"}}}, {}, OWN_KEY),
    ("ECS::Service", placed("DISABLED"), placed("ENABLED"), "gives its tasks public addresses"),
    ("ECS::Service", None, placed("ENABLED"), "gives its tasks public addresses"),
    ("ElastiCache::ReplicationGroup", {"AtRestEncryptionEnabled": True},
     {"AtRestEncryptionEnabled": False}, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", {"AtRestEncryptionEnabled": "true"}, {}, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", {"TransitEncryptionEnabled": True}, {},
     "takes connections in the clear"),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), {"Protocol": "HTTP"}, CLEAR),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), https(OLD_TLS), CLEAR),
    ("ElasticLoadBalancingV2::Listener", https(NEW_TLS), https(), CLEAR),
    ("ElasticLoadBalancingV2::Listener", https(STRICT_TLS), https(NEW_TLS), CLEAR),
    ("ElasticLoadBalancingV2::Listener", REDIRECTED, {"Protocol": "HTTP"}, CLEAR),
    ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"}, {}, "faces the internet"),
    ("ElasticLoadBalancingV2::LoadBalancer", None, {"Scheme": "internet-facing"},
     "faces the internet"),
    ("Lambda::Url", {"AuthType": "AWS_IAM"}, {"AuthType": "NONE"}, "asks nothing of its callers"),
    ("Logs::LogGroup", {"KmsKeyId": {"Ref": "Key"}}, {}, OWN_KEY),
    ("RDS::DBInstance", {"StorageEncrypted": True}, {"StorageEncrypted": False}, UNENCRYPTED),
    ("RDS::DBInstance", {"PubliclyAccessible": False}, {"PubliclyAccessible": True},
     "can be reached from the internet"),
    ("S3::Bucket", blocked(), blocked(BlockPublicPolicy=False), "may become public"),
    ("S3::Bucket", blocked(), {}, "may become public"),
    ("S3::Bucket", {}, {"AccessControl": "PublicRead"}, "is public"),
    ("S3::Bucket", {}, {"WebsiteConfiguration": {}}, "is a website"),
    ("SQS::Queue", {}, {"SqsManagedSseEnabled": False}, UNENCRYPTED),
    ("SecretsManager::Secret", {"KmsKeyId": "key"}, {}, OWN_KEY),
    ("WAFv2::WebACL", {"DefaultAction": {"Block": {}}}, {"DefaultAction": {"Allow": {}}},
     "lets through what no rule is about"),
]  # fmt: skip


def of(kind, properties):
    return (
        {} if properties is None else {"Thing": {"Type": f"AWS::{kind}", "Properties": properties}}
    )


@pytest.mark.parametrize(("kind", "before", "after", "words"), EXPOSED)
def test_what_is_more_exposed_is_said_and_undoing_it_is_no_exposure(kind, before, after, words):
    # What else is missing from so short a resource is there before and after.
    found = surface.compare(of(kind, before), of(kind, after))
    exposed = [remark for remark in found if remark.severity is Severity.EXPOSURE]
    assert f"Thing {words}" in [remark.message for remark in exposed]
    undone = surface.compare(of(kind, after), of(kind, before))
    assert {remark.severity for remark in undone} <= {Severity.CHANGE}
    assert bool(undone) is (before is not None)


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
def test_what_exposes_nothing_is_not_said(kind, before, after):
    assert surface.compare(of(kind, before), of(kind, after)) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ApiGateway::Method", "is a new method"),
        ("ApiGateway::Resource", "is a new path"),
        ("EC2::EIP", "is a new public address"),
        ("ElasticLoadBalancingV2::ListenerRule", "is a new rule of a listener"),
    ],
)
def test_what_is_new_at_the_surface_is_said(kind, words):
    (remark,) = surface.compare({}, of(kind, SIGNED))
    assert (remark.severity, remark.message) == (Severity.CHANGE, f"Thing {words}")


def test_remark_shows_the_properties():
    kind = "ElasticLoadBalancingV2::Listener"
    (remark,) = surface.compare(of(kind, https(NEW_TLS)), of(kind, {"Protocol": "HTTP"}))
    assert remark.before == f"Protocol HTTPS, SslPolicy {NEW_TLS}"
    assert remark.after == "Protocol HTTP, SslPolicy none"


def test_value_that_only_a_stack_knows_may_expose():
    kind = "RDS::DBInstance"
    hidden = {"PubliclyAccessible": {"Ref": "X"}, "StorageEncrypted": True}
    known = {"PubliclyAccessible": False, "StorageEncrypted": True}
    (remark,) = surface.compare(of(kind, known), of(kind, hidden))
    assert remark.severity is Severity.EXPOSURE
    assert "may be more exposed, which only a stack can tell" in remark.message
    assert surface.compare(of(kind, hidden), of(kind, hidden | {"Port": 1})) == []


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
def test_what_no_web_acl_guards_any_more_is_exposed(after, exposed):
    """Unless it is gone as well."""
    found = surface.compare(guarded(), after)
    assert [remark.subject for remark in found] == exposed
