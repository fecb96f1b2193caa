"""Changes of exposure: public access, authentication and encryption, before and after.

A rule is one line of `RULES`: a type, a property, how exposed a value leaves the resource, and the
code of the finding, which has its wording in `report/access_wording.py`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from iot_pipeline_cfn.template.findings import Finding, Severity
from iot_pipeline_cfn.template.lookup import (
    Resources,
    of_type,
    properties_of,
    short_text_of,
    text_of,
    type_of,
    values_at,
)
from iot_pipeline_cfn.template.references import references

from .resolved import ResolvedEnvironment

Level = Callable[[Any], int | None]
"""How exposed a value leaves a resource, or None where the value is a reference.

A new resource with 1 or more is a finding, and so is an existing one whose level rises. The value
of a missing property is None.
"""


def if_true(value: object) -> int | None:
    """Rate true as exposed; in `RULES`, read exposed *if true*."""
    return _any_of(value, "true")


def if_not_true(value: object) -> int | None:
    """Rate false and a missing value as exposed."""
    exposed = if_true(value)
    return None if exposed is None else 1 - exposed


def if_false(value: object) -> int | None:
    """Rate false as exposed, and a missing value as the default between false and true."""
    exposed = _any_of(value, "", "false")
    return None if exposed is None else 0 if value is None else 2 * exposed - 1


def if_present(value: object) -> int:
    """Rate any value as exposed."""
    return int(value is not None)


def if_removed(value: object) -> int:
    """Rate a value as safer than none."""
    return -if_present(value)


def if_any_of(*exposed: str) -> Level:
    """Rate certain values as exposed; an empty one stands for a missing value."""
    return lambda value: _any_of(value, *exposed)


def _any_of(value: object, *exposed: str) -> int | None:
    return None if isinstance(value, Mapping) else int(text_of(value).lower() in exposed)


if_enabled = if_any_of("enabled")
if_open = if_any_of("", "none")
if_preferred = if_any_of("preferred")
if_internet_facing = if_any_of("", "internet-facing")

REDIRECT, CLEAR_TEXT_LEVEL = -9, 9
"""Below and above every level of TLS."""


def rate_listener(listener: Mapping[str, Any]) -> int | None:
    """Rate the encryption of a listener by its oldest version of TLS, then by its ciphers.

    `Res` policies have fewer ciphers, `Ext` policies more.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    """
    protocol, policy = listener.get("Protocol"), listener.get("SslPolicy")
    if isinstance(protocol, Mapping) or isinstance(policy, Mapping):
        return None
    if {text_of(action) for action in values_at(listener, "DefaultActions.Type")} == {"redirect"}:
        return REDIRECT
    if text_of(protocol) not in ("HTTPS", "TLS"):
        return CLEAR_TEXT_LEVEL
    name = text_of(policy)
    oldest = re.search(r"(?:TLS|TLS13|FS)-1-([0-3])", name)
    ciphers = -2 if "-Res" in name else 0 if "-Ext" in name else -1
    return 3 * (2 - int(oldest[1] if oldest else 0)) + ciphers


def rate_method(method: Mapping[str, Any]) -> int | None:
    """Rate what callers of an API method need: a signature or token, an API key, or nothing.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html
    """
    authorization, key = method.get("AuthorizationType"), method.get("ApiKeyRequired")
    if method.get("HttpMethod") == "OPTIONS":
        return -1
    if isinstance(authorization, Mapping) or isinstance(key, Mapping):
        return None
    return if_not_true(key) if text_of(authorization) in ("", "NONE") else -1


WHOLE: Final[Mapping[Level, tuple[str, ...]]] = MappingProxyType(
    {
        rate_listener: ("Protocol", "SslPolicy"),
        rate_method: ("AuthorizationType", "ApiKeyRequired"),
    }
)
"""Levels of all properties together, with those that they look at."""

DOCUMENTATION: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


class ExposureRule(NamedTuple):
    """One property that decides how exposed a resource is; the type is without `AWS::`."""

    kind: str
    path: str
    level: Level
    code: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The properties that it is about."""
        return WHOLE.get(self.level, (self.path,))

    @property
    def documentation(self) -> str:
        """The page of the type."""
        return f"{DOCUMENTATION}/aws-resource-{self.kind.replace('::', '-').lower()}.html"

    def values(self, properties: Mapping[str, Any]) -> list[Any]:
        """Return the values to rate."""
        return [properties] if self.level in WHOLE else values_at(properties, self.path) or [None]

    def rate(self, properties: Mapping[str, Any]) -> int | None:
        """Return the worst level, or None where that depends on a reference."""
        levels = [self.level(value) for value in self.values(properties)]
        known = [level for level in levels if level is not None]
        return max(known) if len(known) == len(levels) or max(known, default=0) >= 1 else None

    def shown(self, properties: Mapping[str, Any]) -> str | dict[str, str]:
        """Return the value of the property, or the values of several by their names."""
        found = {
            path: ", ".join(sorted({short_text_of(value) for value in values_at(properties, path)}))
            for path in self.paths
        }
        shown = {path: text or "none" for path, text in found.items()}
        return shown if self.level in WHOLE else shown[self.path]


ADDRESS = "public-address"
CLEAR_TEXT = "clear-text-connections"
KEY_REMOVED = "customer-managed-key-removed"
PUBLIC = "public-access"
UNAUTHENTICATED = "unauthenticated-callers"
UNENCRYPTED = "unencrypted-storage"
WEAK_TLS = "weak-tls"

_ROWS: Final = (
    ("ApiGateway::Method", "", rate_method, "weaker-authorization"),
    ("ApiGateway::DomainName", "SecurityPolicy", if_any_of("tls_1_0"), WEAK_TLS),
    ("ApiGatewayV2::Route", "AuthorizationType", if_open, UNAUTHENTICATED),
    ("DynamoDB::Table", "SSESpecification.KMSMasterKeyId", if_removed, KEY_REMOVED),
    ("EC2::EIP", "InstanceId", if_present, ADDRESS),
    ("EC2::EIPAssociation", "AllocationId", if_present, ADDRESS),
    ("EC2::Instance", "NetworkInterfaces.AssociatePublicIpAddress", if_true, ADDRESS),
    ("EC2::Route", "GatewayId", if_present, "internet-gateway-route"),
    ("EC2::Subnet", "MapPublicIpOnLaunch", if_true, ADDRESS),
    ("EC2::Volume", "Encrypted", if_false, UNENCRYPTED),
    ("ECR::Repository", "EncryptionConfiguration.KmsKey", if_removed, KEY_REMOVED),
    (
        "ECS::Service",
        "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
        if_enabled,
        ADDRESS,
    ),
    ("EFS::FileSystem", "Encrypted", if_false, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled", if_not_true, UNENCRYPTED),
    ("ElastiCache::ReplicationGroup", "AuthToken", if_removed, "cache-password-removed"),
    ("ElastiCache::ReplicationGroup", "KmsKeyId", if_removed, KEY_REMOVED),
    ("ElastiCache::ReplicationGroup", "TransitEncryptionEnabled", if_not_true, CLEAR_TEXT),
    ("ElastiCache::ReplicationGroup", "TransitEncryptionMode", if_preferred, CLEAR_TEXT),
    ("ElasticLoadBalancingV2::Listener", "", rate_listener, WEAK_TLS),
    ("ElasticLoadBalancingV2::LoadBalancer", "Scheme", if_internet_facing, "internet-facing"),
    ("Lambda::Url", "AuthType", if_open, UNAUTHENTICATED),
    ("Logs::LogGroup", "KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBCluster", "StorageEncrypted", if_not_true, UNENCRYPTED),
    ("RDS::DBInstance", "KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBInstance", "MasterUserSecret.KmsKeyId", if_removed, KEY_REMOVED),
    ("RDS::DBInstance", "PubliclyAccessible", if_true, PUBLIC),
    ("RDS::DBInstance", "StorageEncrypted", if_not_true, UNENCRYPTED),
    ("S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicAcls", if_false, PUBLIC),
    ("S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", if_false, PUBLIC),
    ("S3::Bucket", "PublicAccessBlockConfiguration.IgnorePublicAcls", if_false, PUBLIC),
    ("S3::Bucket", "PublicAccessBlockConfiguration.RestrictPublicBuckets", if_false, PUBLIC),
    ("S3::Bucket", "WebsiteConfiguration", if_present, PUBLIC),
    ("SNS::Topic", "KmsMasterKeyId", if_removed, KEY_REMOVED),
    ("SQS::Queue", "KmsMasterKeyId", if_removed, KEY_REMOVED),
    ("SQS::Queue", "SqsManagedSseEnabled", if_false, UNENCRYPTED),
    ("SecretsManager::Secret", "KmsKeyId", if_removed, KEY_REMOVED),
    ("WAFv2::WebACL", "DefaultAction.Block", if_removed, "web-acl-allows-by-default"),
)
RULES: Final = tuple(ExposureRule(*row) for row in _ROWS)

ENTRY_POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS::ApiGateway::Method": "new-api-method",
        "AWS::ApiGateway::Resource": "new-api-path",
        "AWS::EC2::EIP": "new-elastic-ip",
        "AWS::ElasticLoadBalancingV2::ListenerRule": "new-listener-rule",
    }
)
"""Types whose new resources are worth a look by themselves, with the codes for that."""


def find_exposure_changes(
    before: ResolvedEnvironment, after: ResolvedEnvironment
) -> Iterator[Finding]:
    """Yield changes of exposure by `RULES`, new entry points, and removed web ACLs."""
    for name, resource in after.resources.items():
        old = before.resources.get(name)
        if old == resource:
            continue
        kind = type_of(resource)
        is_new = old is None or type_of(old) != kind
        if is_new and kind in ENTRY_POINTS:
            yield Finding(ENTRY_POINTS[kind], Severity.CHANGE, name)
        for rule in RULES:
            if f"AWS::{rule.kind}" == kind:
                was = None if is_new else properties_of(old)
                yield from _judge(rule, name, was, properties_of(resource))
    yield from _unguarded(before.resources, after.resources)


def _judge(
    rule: ExposureRule, name: str, was: Mapping[str, Any] | None, will_be: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield the findings of one rule for a resource; `was` is None for a new one."""
    old, new = 0 if was is None else rule.rate(was), rule.rate(will_be)
    is_same = was is not None and rule.values(was) == rule.values(will_be)
    details = {
        "properties": list(rule.paths),
        "documentation": rule.documentation,
        "is_certain": new is not None,
        "before": None if was is None else rule.shown(was),
        "after": rule.shown(will_be),
    }
    if (new is None and not is_same and (old or 0) < 1) or (new is not None and new > (old or 0)):
        yield Finding(rule.code, Severity.EXPOSURE, name, details)
    elif was is not None and old is not None and new is not None and new < old:
        yield Finding("less-exposed", Severity.CHANGE, name, details)


def _unguarded(before: Resources, after: Resources) -> Iterator[Finding]:
    """Yield resources that stay but lose their web ACL."""
    old, new = _guarded(before), _guarded(after)
    for arn in sorted(old.keys() - new.keys()):
        if all(name in after for name in old[arn]):
            subject = min(old[arn], default=arn)
            yield Finding("web-acl-removed", Severity.EXPOSURE, subject, {"before": arn})


def _guarded(resources: Resources) -> dict[str, set[str]]:
    """Return the resources that each association of a web ACL refers to, by the ARN in it."""
    return {
        text_of(arn): set(references(arn)) & resources.keys()
        for association in of_type(resources, "AWS::WAFv2::WebACLAssociation").values()
        for arn in [association.get("ResourceArn")]
    }
