"""The rules of assessments: one property, what is worse, and the code of the finding.

The reference page of a type is the source of a rule, and of the default of its property.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.lookup import short_text_of, values_at

from . import levels
from .differences import format_value, is_function
from .levels import (
    FOREVER,
    WHOLE,
    Level,
    if_any_of,
    if_false,
    if_internet_facing,
    if_less,
    if_not_true,
    if_open,
    if_present,
    if_removed,
    if_true,
    unless,
)

DOCUMENTATION: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


class Assessment(StrEnum):
    """A question about a resource."""

    DATA = "data"
    EXPOSURE = "exposure"
    PERMISSIONS = "permissions"
    TRAFFIC = "traffic"
    COST = "cost"


def documentation(resource_type: str) -> str:
    """Return the reference page of a type such as `AWS::EC2::VPC`."""
    if resource_type.startswith("AWS::Serverless::"):
        name = resource_type.rpartition("::")[2].lower()
        return f"https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-{name}.html"
    page = resource_type.removeprefix("AWS::").replace("::", "-").lower()
    return f"{DOCUMENTATION}/aws-resource-{page}.html"


class Rule(NamedTuple):
    """One property that decides how exposed or protected a resource is."""

    resource_type: str
    path: str
    """The property, or several names if the level is that of all properties together."""
    level: Level
    code: str

    @property
    def assessment(self) -> Assessment:
        """What it is about."""
        return Assessment.DATA if self.code in DATA_CODES else Assessment.EXPOSURE

    @property
    def condition(self) -> str:
        """When a value is worse, in words; nothing if properties are rated together."""
        return "" if self.level in WHOLE else self.level.__name__.replace("_", " ")

    @property
    def paths(self) -> list[str]:
        """The properties that it is about."""
        return self.path.split()

    def values(self, properties: Mapping[str, Any]) -> list[Any]:
        """Return the values to rate."""
        return [properties] if self.level in WHOLE else values_at(properties, self.path) or [None]

    def rate(self, properties: Mapping[str, Any]) -> float | None:
        """Return the worst level, or None where that depends on a reference."""
        found = [self.level(value) for value in self.values(properties)]
        known = [level for level in found if level is not None]
        return max(known) if len(known) == len(found) or max(known, default=0) >= 1 else None

    def shown(self, properties: Mapping[str, Any]) -> str | dict[str, str]:
        """Return the value of the property, or the values of several by their names."""
        found = {
            path: ", ".join(sorted({_shown(value) for value in values_at(properties, path)}))
            for path in self.paths
        }
        shown = {path: text or "none" for path, text in found.items()}
        return shown if len(shown) > 1 else shown[self.path]


def _shown(value: object) -> str:
    is_object = isinstance(value, Mapping) and not is_function(value)
    return format_value(value) if is_object else short_text_of(value)


ADDRESS = "public-address"
CLEAR_TEXT = "clear-text-connections"
KEY_REMOVED = "customer-managed-key-removed"
PUBLIC = "public-access"
UNAUTHENTICATED = "unauthenticated-callers"
UNENCRYPTED = "unencrypted-storage"
WEAK_TLS = "weak-tls"
IMDS = "instance-metadata-v1"
LESS_BLOCKED = "web-acl-blocks-less"
SHORTER, EXPIRES = "retention-reduced", "data-expires"
UNPROTECTED, UNRECOVERABLE = "deletion-protection-removed", "recovery-weakened"

SEVERITIES: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        SHORTER: Severity.DATA_LOSS,
        EXPIRES: Severity.DATA_LOSS,
        UNPROTECTED: Severity.WARNING,
        UNRECOVERABLE: Severity.WARNING,
        "key-disabled": Severity.INTERRUPTION,
        "audit-log-disabled": Severity.WARNING,
    }
)
"""The severities of codes; that of all others is exposure."""

DATA_CODES: Final = frozenset({SHORTER, EXPIRES, UNPROTECTED, UNRECOVERABLE, "key-disabled"})

_METADATA = "MetadataOptions.HttpTokens"
_S3_BLOCK = "PublicAccessBlockConfiguration"
_VIEWERS = "ViewerProtocolPolicy"
_PITR = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"
_ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault"
_PLACEMENT = "NetworkConfiguration.AwsvpcConfiguration"

_ROWS: Final = (
    ("AmazonMQ::Broker", "PubliclyAccessible", if_true, PUBLIC),
    ("ApiGateway::DomainName", "SecurityPolicy", if_any_of("tls_1_0"), WEAK_TLS),
    (
        "ApiGateway::Method",
        "AuthorizationType ApiKeyRequired",
        levels.rate_method,
        "weaker-authorization",
    ),
    ("ApiGateway::RestApi", "EndpointConfiguration.Types", unless("private"), PUBLIC),
    ("ApiGatewayV2::Route", "AuthorizationType", if_open, UNAUTHENTICATED),
    ("AppSync::GraphQLApi", "AuthenticationType", if_any_of("api_key"), UNAUTHENTICATED),
    ("AutoScaling::LaunchConfiguration", "AssociatePublicIpAddress", if_true, ADDRESS),
    ("AutoScaling::LaunchConfiguration", _METADATA, unless("required"), IMDS),
    (
        "CloudFront::Distribution",
        f"DistributionConfig.CacheBehaviors.{_VIEWERS}",
        if_any_of("allow-all"),
        CLEAR_TEXT,
    ),
    (
        "CloudFront::Distribution",
        f"DistributionConfig.DefaultCacheBehavior.{_VIEWERS}",
        if_any_of("allow-all"),
        CLEAR_TEXT,
    ),
    ("CloudFront::Distribution", "DistributionConfig.WebACLId", if_removed, "web-acl-removed"),
    ("CloudTrail::Trail", "EnableLogFileValidation", unless("true"), "audit-log-disabled"),
    ("CloudTrail::Trail", "IsLogging", if_false, "audit-log-disabled"),
    ("CloudTrail::Trail", "IsMultiRegionTrail", unless("true"), "audit-log-disabled"),
    ("CloudTrail::Trail", "KMSKeyId", if_removed, KEY_REMOVED),
    (
        "Cognito::UserPool",
        "AdminCreateUserConfig.AllowAdminCreateUserOnly",
        if_not_true,
        "open-sign-up",
    ),
    ("Cognito::UserPool", "DeletionProtection", unless("active"), UNPROTECTED),
    ("Cognito::UserPool", "MfaConfiguration", unless("on"), "weaker-authorization"),
    ("DAX::Cluster", "SSESpecification.SSEEnabled", if_not_true, UNENCRYPTED),
    ("DMS::ReplicationInstance", "PubliclyAccessible", if_any_of("", "true"), PUBLIC),
    ("DocDB::DBCluster", "BackupRetentionPeriod", if_less(1), SHORTER),
    ("DocDB::DBCluster", "DeletionProtection", unless("true"), UNPROTECTED),
    ("DocDB::DBCluster", "StorageEncrypted", if_not_true, UNENCRYPTED),
    (
        "DynamoDB::GlobalTable",
        "Replicas.DeletionProtectionEnabled",
        unless("true"),
        UNPROTECTED,
    ),
    ("DynamoDB::GlobalTable", f"Replicas.{_PITR}", unless("true"), UNRECOVERABLE),
    ("DynamoDB::GlobalTable", "TimeToLiveSpecification.Enabled", if_true, EXPIRES),
    ("DynamoDB::Table", "DeletionProtectionEnabled", unless("true"), UNPROTECTED),
    ("DynamoDB::Table", _PITR, unless("true"), UNRECOVERABLE),
    ("DynamoDB::Table", "SSESpecification.KMSMasterKeyId", if_removed, KEY_REMOVED),
    ("DynamoDB::Table", "TimeToLiveSpecification.Enabled", if_true, EXPIRES),
    ("EC2::EIP", "InstanceId", if_present, ADDRESS),
    ("EC2::EIPAssociation", "AllocationId", if_present, ADDRESS),
    ("EC2::Instance", "DisableApiTermination", unless("true"), UNPROTECTED),
    ("EC2::Instance", _METADATA, unless("required"), IMDS),
    ("EC2::Instance", "NetworkInterfaces.AssociatePublicIpAddress", if_true, ADDRESS),
    ("EC2::LaunchTemplate", f"LaunchTemplateData.{_METADATA}", unless("required"), IMDS),
    (
        "EC2::LaunchTemplate",
        "LaunchTemplateData.NetworkInterfaces.AssociatePublicIpAddress",
        if_true,
        ADDRESS,
    ),
    (
        "EC2::NetworkAclEntry",
        "RuleAction Egress CidrBlock Ipv6CidrBlock",
        levels.rate_network_acl,
        "internet-traffic-allowed",
    ),
    ("EC2::Route", "GatewayId", if_present, "internet-gateway-route"),
    ("EC2::Subnet", "MapPublicIpOnLaunch", if_true, ADDRESS),
    ("EC2::Volume", "Encrypted", if_false, UNENCRYPTED),
    ("ECR::Repository", "EncryptionConfiguration.KmsKey", if_removed, KEY_REMOVED),
    ("ECR::Repository", "LifecyclePolicy.LifecyclePolicyText", if_present, EXPIRES),
    ("ECS::Service", f"{_PLACEMENT}.AssignPublicIp", if_any_of("enabled"), ADDRESS),
    (
        "ECS::TaskDefinition",
        "ContainerDefinitions.Privileged",
        if_true,
        "privileged-container",
    ),
    ("EFS::FileSystem", "Encrypted", if_false, UNENCRYPTED),
    ("EKS::Cluster", "DeletionProtection", unless("true"), UNPROTECTED),
    ("EKS::Cluster", "ResourcesVpcConfig.EndpointPublicAccess", if_any_of("", "true"), PUBLIC),
    (
        "EKS::Cluster",
        "ResourcesVpcConfig.PublicAccessCidrs",
        if_any_of("0.0.0.0/0", "::/0"),
        PUBLIC,
    ),
    ("ElastiCache::CacheCluster", "SnapshotRetentionLimit", if_less(), SHORTER),
    ("ElastiCache::CacheCluster", "TransitEncryptionEnabled", if_not_true, CLEAR_TEXT),
    ("ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled", if_not_true, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", "AuthToken", if_removed, "cache-password-removed"),
    ("ElastiCache::ReplicationGroup", "KmsKeyId", if_removed, KEY_REMOVED),
    ("ElastiCache::ReplicationGroup", "SnapshotRetentionLimit", if_less(), SHORTER),
    ("ElastiCache::ReplicationGroup", "TransitEncryptionEnabled", if_not_true, CLEAR_TEXT),
    (
        "ElastiCache::ReplicationGroup",
        "TransitEncryptionMode",
        if_any_of("preferred"),
        CLEAR_TEXT,
    ),
    ("ElasticLoadBalancing::LoadBalancer", "Scheme", if_internet_facing, "internet-facing"),
    (
        "ElasticLoadBalancingV2::Listener",
        "Protocol SslPolicy",
        levels.rate_listener,
        WEAK_TLS,
    ),
    (
        "ElasticLoadBalancingV2::LoadBalancer",
        "LoadBalancerAttributes",
        levels.rate_balancer,
        UNPROTECTED,
    ),
    ("ElasticLoadBalancingV2::LoadBalancer", "Scheme", if_internet_facing, "internet-facing"),
    ("Elasticsearch::Domain", "DomainEndpointOptions.EnforceHTTPS", if_not_true, CLEAR_TEXT),
    ("Elasticsearch::Domain", "EncryptionAtRestOptions.Enabled", if_not_true, UNENCRYPTED),
    ("Elasticsearch::Domain", "VPCOptions", if_removed, PUBLIC),
    ("KMS::Key", "Enabled", if_false, "key-disabled"),
    ("Kinesis::Stream", "RetentionPeriodHours", if_less(24), SHORTER),
    ("Kinesis::Stream", "StreamEncryption", if_removed, UNENCRYPTED),
    ("Lambda::Permission", "FunctionUrlAuthType", if_any_of("none"), UNAUTHENTICATED),
    ("Lambda::Permission", "Principal", if_any_of("*"), PUBLIC),
    ("Lambda::Url", "AuthType", if_open, UNAUTHENTICATED),
    ("Logs::LogGroup", "DeletionProtectionEnabled", unless("true"), UNPROTECTED),
    ("Logs::LogGroup", "KmsKeyId", if_removed, KEY_REMOVED),
    ("Logs::LogGroup", "RetentionInDays", if_less(FOREVER), SHORTER),
    (
        "MSK::Cluster",
        "BrokerNodeGroupInfo.ConnectivityInfo.PublicAccess.Type",
        if_any_of("service_provided_eips"),
        PUBLIC,
    ),
    (
        "MSK::Cluster",
        "EncryptionInfo.EncryptionInTransit.ClientBroker",
        if_any_of("plaintext", "tls_plaintext"),
        CLEAR_TEXT,
    ),
    ("MemoryDB::Cluster", "SnapshotRetentionLimit", if_less(), SHORTER),
    ("MemoryDB::Cluster", "TLSEnabled", if_false, CLEAR_TEXT),
    ("Neptune::DBCluster", "BackupRetentionPeriod", if_less(1), SHORTER),
    ("Neptune::DBCluster", "DeletionProtection", unless("true"), UNPROTECTED),
    ("Neptune::DBCluster", "StorageEncrypted", if_false, UNENCRYPTED),
    (
        "OpenSearchService::Domain",
        "DomainEndpointOptions.EnforceHTTPS",
        if_not_true,
        CLEAR_TEXT,
    ),
    ("OpenSearchService::Domain", "EncryptionAtRestOptions.Enabled", if_not_true, UNENCRYPTED),
    ("OpenSearchService::Domain", "VPCOptions", if_removed, PUBLIC),
    ("RDS::DBCluster", "BackupRetentionPeriod", if_less(1), SHORTER),
    ("RDS::DBCluster", "DeletionProtection", unless("true"), UNPROTECTED),
    ("RDS::DBCluster", "KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBCluster", "PubliclyAccessible", if_true, PUBLIC),
    ("RDS::DBCluster", "StorageEncrypted", if_not_true, UNENCRYPTED),
    ("RDS::DBInstance", "BackupRetentionPeriod", if_less(1), SHORTER),
    ("RDS::DBInstance", "DeletionProtection", unless("true"), UNPROTECTED),
    ("RDS::DBInstance", "KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBInstance", "MasterUserSecret.KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBInstance", "PubliclyAccessible", if_true, PUBLIC),
    ("RDS::DBInstance", "StorageEncrypted", if_not_true, UNENCRYPTED),
    ("RDS::DBParameterGroup", "Parameters", levels.rate_database_parameters, CLEAR_TEXT),
    ("RDS::GlobalCluster", "DeletionProtection", unless("true"), UNPROTECTED),
    ("Redshift::Cluster", "AutomatedSnapshotRetentionPeriod", if_less(1), SHORTER),
    ("Redshift::Cluster", "Encrypted", if_false, UNENCRYPTED),
    ("Redshift::Cluster", "PubliclyAccessible", if_true, PUBLIC),
    ("RedshiftServerless::Workgroup", "PubliclyAccessible", if_true, PUBLIC),
    (
        "S3::Bucket",
        "AccessControl",
        if_any_of("publicread", "publicreadwrite", "authenticatedread"),
        PUBLIC,
    ),
    ("S3::Bucket", f"{_ENCRYPTION}.SSEAlgorithm", unless("aws:kms", "aws:kms:dsse"), KEY_REMOVED),
    ("S3::Bucket", "LifecycleConfiguration", levels.rate_lifecycle, EXPIRES),
    ("S3::Bucket", f"{_S3_BLOCK}.BlockPublicAcls", if_false, PUBLIC),
    ("S3::Bucket", f"{_S3_BLOCK}.BlockPublicPolicy", if_false, PUBLIC),
    ("S3::Bucket", f"{_S3_BLOCK}.IgnorePublicAcls", if_false, PUBLIC),
    ("S3::Bucket", f"{_S3_BLOCK}.RestrictPublicBuckets", if_false, PUBLIC),
    ("S3::Bucket", "VersioningConfiguration.Status", unless("enabled"), UNRECOVERABLE),
    ("S3::Bucket", "WebsiteConfiguration", if_present, PUBLIC),
    ("SNS::Topic", "KmsMasterKeyId", if_removed, KEY_REMOVED),
    ("SQS::Queue", "KmsMasterKeyId", if_removed, KEY_REMOVED),
    ("SQS::Queue", "MessageRetentionPeriod", if_less(345600), SHORTER),
    ("SQS::Queue", "SqsManagedSseEnabled", if_false, UNENCRYPTED),
    ("SecretsManager::Secret", "KmsKeyId", if_removed, KEY_REMOVED),
    ("Serverless::Api", "Auth.ApiKeyRequired", unless("true"), UNAUTHENTICATED),
    ("Serverless::Api", "Auth.DefaultAuthorizer", if_removed, UNAUTHENTICATED),
    ("Serverless::Api", "EndpointConfiguration.Type", unless("private"), PUBLIC),
    ("Serverless::Function", "FunctionUrlConfig.AuthType", if_any_of("none"), UNAUTHENTICATED),
    ("Serverless::HttpApi", "Auth.DefaultAuthorizer", if_removed, UNAUTHENTICATED),
    ("Serverless::SimpleTable", "SSESpecification.SSEEnabled", unless("true"), KEY_REMOVED),
    ("WAFv2::RuleGroup", "Rules", levels.rate_blocking_rules, LESS_BLOCKED),
    ("WAFv2::WebACL", "DefaultAction.Block", if_removed, "web-acl-allows-by-default"),
    ("WAFv2::WebACL", "Rules", levels.rate_blocking_rules, LESS_BLOCKED),
)

RULES: Final = tuple(Rule(f"AWS::{kind}", path, level, code) for kind, path, level, code in _ROWS)
RULES_OF: Final = {
    resource_type: [*rules]
    for resource_type, rules in groupby(RULES, key=lambda rule: rule.resource_type)
}
"""The rules of each type."""
