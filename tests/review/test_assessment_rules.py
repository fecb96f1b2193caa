"""The rules of assessments, each with a change that makes its resource worse."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.assessment_rules import RULES, SEVERITIES, Assessment
from iot_pipeline_cfn.review.assessments import find_rule_changes
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.schemas import schema_of

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


def viewers(policy):
    return {"DistributionConfig": {"DefaultCacheBehavior": {"ViewerProtocolPolicy": policy}}}


def sign_up(only_admin):
    return {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": only_admin}}


def imds(tokens):
    return {"MetadataOptions": {"HttpTokens": tokens}}


def acl(block):
    return {"CidrBlock": block, "RuleAction": "allow"}


def brokers(protocol):
    return {"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": protocol}}}


def keyed(algorithm):
    default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [default]}}


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
    ("AmazonMQ::Broker", {"PubliclyAccessible": False}, {"PubliclyAccessible": True},
     "public-access"),
    ("ApiGateway::RestApi", {"EndpointConfiguration": {"Types": ["PRIVATE"]}},
     {"EndpointConfiguration": {"Types": ["REGIONAL"]}}, "public-access"),
    ("AppSync::GraphQLApi", {"AuthenticationType": "AWS_IAM"}, {"AuthenticationType": "API_KEY"},
     "unauthenticated-callers"),
    ("AutoScaling::LaunchConfiguration", {}, {"AssociatePublicIpAddress": True}, "public-address"),
    ("CloudFront::Distribution", viewers("redirect-to-https"), viewers("allow-all"),
     "clear-text-connections"),
    ("CloudTrail::Trail", {"IsLogging": True}, {"IsLogging": False}, "audit-log-disabled"),
    ("Cognito::UserPool", sign_up(True), sign_up(False), "open-sign-up"),
    ("DMS::ReplicationInstance", {"PubliclyAccessible": False}, {}, "public-access"),
    ("EC2::Instance", imds("required"), imds("optional"), "instance-metadata-v1"),
    ("EC2::LaunchTemplate", {"LaunchTemplateData": imds("required")}, {"LaunchTemplateData": {}},
     "instance-metadata-v1"),
    ("EC2::NetworkAclEntry", acl("10.0.0.0/8"), acl("0.0.0.0/0"), "internet-traffic-allowed"),
    ("ECS::TaskDefinition", {"ContainerDefinitions": [{"Privileged": False}]},
     {"ContainerDefinitions": [{"Privileged": True}]}, "privileged-container"),
    ("EKS::Cluster", {"ResourcesVpcConfig": {"EndpointPublicAccess": False}},
     {"ResourcesVpcConfig": {}}, "public-access"),
    ("ElasticLoadBalancing::LoadBalancer", {"Scheme": "internal"}, {"Scheme": "internet-facing"},
     "internet-facing"),
    ("Elasticsearch::Domain", {"VPCOptions": {"SubnetIds": ["s"]}}, {}, "public-access"),
    ("Kinesis::Stream", {"StreamEncryption": {"EncryptionType": "KMS"}}, {}, "unencrypted-storage"),
    ("Lambda::Permission", {"Principal": "s3.amazonaws.com"}, {"Principal": "*"}, "public-access"),
    ("MSK::Cluster", brokers("TLS"), brokers("TLS_PLAINTEXT"), "clear-text-connections"),
    ("RDS::DBParameterGroup", {"Parameters": {}}, {"Parameters": {"rds.force_ssl": "0"}},
     "clear-text-connections"),
    ("Redshift::Cluster", {"PubliclyAccessible": False}, {"PubliclyAccessible": "true"},
     "public-access"),
    ("Redshift::Cluster", {"Encrypted": True}, {"Encrypted": False}, "unencrypted-storage"),
    ("S3::Bucket", {"AccessControl": "Private"}, {"AccessControl": "PublicRead"}, "public-access"),
    ("S3::Bucket", keyed("aws:kms"), keyed("AES256"), "customer-managed-key-removed"),
    ("Serverless::Api", {"Auth": {"DefaultAuthorizer": "AWS_IAM"}}, {}, "unauthenticated-callers"),
    ("Serverless::Function", {"FunctionUrlConfig": {"AuthType": "AWS_IAM"}},
     {"FunctionUrlConfig": {"AuthType": "NONE"}}, "unauthenticated-callers"),
    ("WAFv2::WebACL", {"Rules": [{"Action": {"Block": {}}}]},
     {"Rules": [{"Action": {"Count": {}}}]}, "web-acl-blocks-less"),
    ("WAFv2::WebACL", {"Rules": [{"OverrideAction": {"None": {}}}]}, {"Rules": []},
     "web-acl-blocks-less"),
]  # fmt: skip


def compare(kind, before, after, assessment=Assessment.EXPOSURE):
    def find(*sides):
        return find_rule_changes(*sides, assessment)

    return compared(find, of(kind, before), of(kind, after))


def of(kind, properties):
    return (
        {} if properties is None else {"Thing": {"Type": f"AWS::{kind}", "Properties": properties}}
    )


@pytest.mark.parametrize(("kind", "before", "after", "code"), EXPOSED)
def test_more_exposed_resource_is_found_and_its_reversal_is_no_exposure(kind, before, after, code):
    # Other properties are missing both before and after.
    found = compare(kind, before, after)
    severity = SEVERITIES.get(code, Severity.EXPOSURE)
    assert code in {each.code for each in found if each.severity is severity}
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


def lifecycle(days, **more):
    return {
        "LifecycleConfiguration": {
            "Rules": [{"Status": "Enabled", "ExpirationInDays": days} | more]
        }
    }


def recovery(enabled):
    return {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled}}


def protection(value):
    return {"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": value}]}


# A row: type, properties before and after, code.
DATA = [
    ("Cognito::UserPool", {"DeletionProtection": "ACTIVE"}, {"DeletionProtection": "INACTIVE"},
     "deletion-protection-removed"),
    ("DynamoDB::Table", {"DeletionProtectionEnabled": True}, {}, "deletion-protection-removed"),
    ("DynamoDB::Table", recovery(True), recovery(False), "recovery-weakened"),
    ("DynamoDB::Table", {}, {"TimeToLiveSpecification": {"Enabled": True}}, "data-expires"),
    ("ECR::Repository", {}, {"LifecyclePolicy": {"LifecyclePolicyText": "{}"}}, "data-expires"),
    ("ElastiCache::ReplicationGroup", {"SnapshotRetentionLimit": 7}, {}, "retention-reduced"),
    ("ElasticLoadBalancingV2::LoadBalancer", protection("true"), protection("false"),
     "deletion-protection-removed"),
    ("KMS::Key", {}, {"Enabled": False}, "key-disabled"),
    ("Logs::LogGroup", {}, {"RetentionInDays": 30}, "retention-reduced"),
    ("Logs::LogGroup", {"RetentionInDays": "30"}, {"RetentionInDays": 7}, "retention-reduced"),
    ("RDS::DBCluster", {"BackupRetentionPeriod": 35}, {}, "retention-reduced"),
    ("RDS::DBInstance", {"DeletionProtection": True}, {}, "deletion-protection-removed"),
    ("S3::Bucket", {}, lifecycle(30), "data-expires"),
    ("S3::Bucket", lifecycle(30), lifecycle(7), "data-expires"),
    ("S3::Bucket", lifecycle(30, Status="Disabled"), lifecycle(30), "data-expires"),
    ("S3::Bucket", {"VersioningConfiguration": {"Status": "Enabled"}}, {}, "recovery-weakened"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after", "code"), DATA)
def test_less_protected_data_is_found_but_not_of_a_new_resource(kind, before, after, code):
    (finding,) = compare(kind, before, after, Assessment.DATA)
    assert (finding.code, finding.severity) == (code, SEVERITIES[code])
    (reversal,) = compare(kind, after, before, Assessment.DATA)
    assert (reversal.code, reversal.severity) == ("better-protected", Severity.CHANGE)
    assert compare(kind, None, after, Assessment.DATA) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.resource_type}.{rule.path}")
def test_properties_of_rules_are_in_the_schemas(rule):
    """A misspelt property would never be found in a template."""
    schema = schema_of(rule.resource_type)
    for path in rule.paths:
        part = schema
        for name in path.split("."):
            part = followed(schema, part)
            # The schemas of SAM have only the first property.
            if part is schema or "properties" in part:
                part = part["properties"][name]


def followed(schema, part):
    """Return a part of a schema without references and lists around it."""
    if "$ref" in part:
        return followed(schema, schema["definitions"][part["$ref"].rpartition("/")[2]])
    return followed(schema, part["items"]) if part.get("type") == "array" else part


def test_rules_are_in_order_and_occur_once():
    keys = [(rule.resource_type, rule.path, rule.code) for rule in RULES]
    assert len(keys) == len(set(keys))
    assert keys == sorted(keys, key=lambda key: key[0])
