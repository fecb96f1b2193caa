"""What of an environment anybody can see, before and after, and what stands in the clear.

Each line of `RULES` is one property that decides that. A line for another one needs its type, its
path, how exposed a value leaves it, and words that follow the name of the resource.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

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

from .remarks import Remark, Severity, about
from .report.access_wording import listing

Level = Callable[[Any], int | None]
"""How exposed a value leaves a resource, nothing where only a stack can tell.

A new resource is worth a remark from 1 on; one that changes, where the level rises. A property that
is missing is `None`.
"""


def is_true(value: object) -> int | None:
    """Say that true is exposed."""
    return _one_of(value, "true")


def is_not_true(value: object) -> int | None:
    """Say that false is exposed, and so is what is missing."""
    exposed = is_true(value)
    return None if exposed is None else 1 - exposed


def is_false(value: object) -> int | None:
    """Say that false is exposed; what is missing is safe in a new resource, less so than true."""
    exposed = _one_of(value, "", "false")
    return None if exposed is None else 0 if value is None else 2 * exposed - 1


def is_there(value: object) -> int:
    """Say that any value is exposed."""
    return int(value is not None)


def is_lost(value: object) -> int:
    """Say that a value that is taken away leaves a resource more exposed."""
    return -is_there(value)


def is_one_of(*exposed: str) -> Level:
    """Return what says that certain values are exposed."""
    return lambda value: _one_of(value, *exposed)


def _one_of(value: object, *exposed: str) -> int | None:
    return None if isinstance(value, Mapping) else int(text_of(value).lower() in exposed)


NOTHING_TO_ENCRYPT, IN_THE_CLEAR = -9, 9
"""Below and above every level of encryption by TLS."""


def listener_level(listener: Mapping[str, Any]) -> int | None:
    """Return how weakly a listener encrypts; only to redirect it may not encrypt at all.

    First counts the oldest version of TLS, then the ciphers: `Res` has fewer, `Ext` more
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html).
    """
    protocol, policy = listener.get("Protocol"), listener.get("SslPolicy")
    if isinstance(protocol, Mapping) or isinstance(policy, Mapping):
        return None
    if {text_of(kind) for kind in values_at(listener, "DefaultActions.Type")} == {"redirect"}:
        return NOTHING_TO_ENCRYPT
    if text_of(protocol) not in ("HTTPS", "TLS"):
        return IN_THE_CLEAR
    text = text_of(policy)
    oldest = re.search(r"(?:TLS|TLS13|FS)-1-([0-3])", text)
    ciphers = -2 if "-Res" in text else 0 if "-Ext" in text else -1
    return 3 * (2 - int(oldest[1] if oldest else 0)) + ciphers


def callers_level(method: Mapping[str, Any]) -> int | None:
    """Return how much callers of a method must bring: a signature or token, a key, or nothing.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html
    """
    kind, key = method.get("AuthorizationType"), method.get("ApiKeyRequired")
    if method.get("HttpMethod") == "OPTIONS":
        return -1
    if isinstance(kind, Mapping) or isinstance(key, Mapping):
        return None
    if text_of(kind) not in ("", "NONE"):
        return -1
    return is_not_true(key)


@dataclass(frozen=True)
class Rule:
    """One property that decides how exposed a resource is.

    Attributes:
        kind: The type, without `AWS::`.
        path: Where the property is; empty for all properties together.
        level: How exposed a value leaves the resource.
        words: What is said of an exposed one, after its name.
        shown: The properties to show where the level is of all together.
        severity: How bad it is.

    """

    kind: str
    path: str
    level: Level
    words: str
    shown: tuple[str, ...] = ()
    severity: Severity = Severity.EXPOSURE


CLEAR = "is stored unencrypted"
PUBLIC = "is public"
UNKEYED = "is no longer encrypted with a key of its own"

RULES: Final = (
    Rule(
        "ApiGateway::Method",
        "",
        callers_level,
        "asks its callers for less than a signature or a token",
        shown=("AuthorizationType", "ApiKeyRequired"),
    ),
    Rule("ApiGateway::Method", "", is_there, "is a new method", severity=Severity.CHANGE),
    Rule("ApiGateway::Resource", "", is_there, "is a new path", severity=Severity.CHANGE),
    Rule("ApiGateway::DomainName", "SecurityPolicy", is_one_of("tls_1_0"), "admits old TLS"),
    Rule(
        "ApiGatewayV2::Route", "AuthorizationType", is_one_of("", "none"), "asks for no signature"
    ),
    Rule("DynamoDB::Table", "SSESpecification.KMSMasterKeyId", is_lost, UNKEYED),
    Rule("EC2::EIP", "", is_there, "is a new public address", severity=Severity.CHANGE),
    Rule("EC2::EIP", "InstanceId", is_there, "makes an instance reachable from the internet"),
    Rule("EC2::EIPAssociation", "", is_there, "makes what it names reachable from the internet"),
    Rule(
        "EC2::Instance",
        "NetworkInterfaces.AssociatePublicIpAddress",
        is_true,
        "gets a public address",
    ),
    Rule("EC2::Route", "GatewayId", is_there, "leads to an internet gateway"),
    Rule("EC2::Subnet", "MapPublicIpOnLaunch", is_true, "gives public addresses to what is in it"),
    Rule("EC2::Volume", "Encrypted", is_false, CLEAR),
    Rule("ECR::Repository", "EncryptionConfiguration.KmsKey", is_lost, UNKEYED),
    Rule(
        "ECS::Service",
        "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
        is_one_of("enabled"),
        "gives its tasks public addresses",
    ),
    Rule("EFS::FileSystem", "Encrypted", is_false, CLEAR),
    Rule("ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled", is_not_true, CLEAR),
    Rule("ElastiCache::ReplicationGroup", "AuthToken", is_lost, "no longer asks for a password"),
    Rule("ElastiCache::ReplicationGroup", "KmsKeyId", is_lost, UNKEYED),
    Rule(
        "ElastiCache::ReplicationGroup",
        "TransitEncryptionEnabled",
        is_not_true,
        "takes connections in the clear",
    ),
    Rule(
        "ElastiCache::ReplicationGroup",
        "TransitEncryptionMode",
        is_one_of("preferred"),
        "also takes connections in the clear",
    ),
    Rule(
        "ElasticLoadBalancingV2::Listener",
        "",
        listener_level,
        "takes requests in the clear or by weak TLS",
        shown=("Protocol", "SslPolicy"),
    ),
    Rule(
        "ElasticLoadBalancingV2::ListenerRule",
        "",
        is_there,
        "is a new rule of a listener",
        severity=Severity.CHANGE,
    ),
    Rule(
        "ElasticLoadBalancingV2::LoadBalancer",
        "Scheme",
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html
        is_one_of("", "internet-facing"),
        "faces the internet",
    ),
    Rule("Lambda::Url", "AuthType", is_one_of("", "none"), "asks nothing of its callers"),
    Rule("Logs::LogGroup", "KmsKeyId", is_lost, UNKEYED),
    Rule("RDS::DBCluster", "StorageEncrypted", is_not_true, CLEAR),
    Rule("RDS::DBInstance", "KmsKeyId", is_lost, UNKEYED),
    Rule(
        "RDS::DBInstance", "MasterUserSecret.KmsKeyId", is_lost, "has its secret without that key"
    ),
    Rule("RDS::DBInstance", "PubliclyAccessible", is_true, "can be reached from the internet"),
    Rule("RDS::DBInstance", "StorageEncrypted", is_not_true, CLEAR),
    Rule(
        "S3::Bucket",
        "AccessControl",
        is_one_of("authenticatedread", "publicread", "publicreadwrite"),
        PUBLIC,
    ),
    *(
        Rule(
            "S3::Bucket",
            f"PublicAccessBlockConfiguration.{switch}",
            is_false,
            "may become public",
        )
        for switch in (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
    ),
    Rule("S3::Bucket", "WebsiteConfiguration", is_there, "is a website"),
    Rule("SNS::Topic", "KmsMasterKeyId", is_lost, UNKEYED),
    Rule("SQS::Queue", "KmsMasterKeyId", is_lost, UNKEYED),
    Rule("SQS::Queue", "SqsManagedSseEnabled", is_false, CLEAR),
    Rule("SecretsManager::Secret", "KmsKeyId", is_lost, UNKEYED),
    Rule("WAFv2::WebACL", "DefaultAction.Block", is_lost, "lets through what no rule is about"),
)

BY_TYPE: Final[Mapping[str, Sequence[Rule]]] = MappingProxyType(
    {
        f"AWS::{kind}": [rule for rule in RULES if rule.kind == kind]
        for kind in {rule.kind for rule in RULES}
    }
)


def compare(before: Resources, after: Resources) -> list[Remark]:
    """Return what gets more exposed, or less, of what `RULES` knows; and what a firewall leaves.

    Args:
        before: The resolved resources of an environment, as they are.
        after: The same, as they would be.

    """
    if before == after:
        return []
    found: dict[tuple[Severity, str, str], list[tuple[str, str]]] = defaultdict(list)
    for name, resource in after.items():
        old = before.get(name)
        if old == resource:
            continue
        is_new = old is None or type_of(old) != type_of(resource)
        for rule in BY_TYPE.get(type_of(resource), ()):
            was = None if is_new else properties_of(old)
            if remark := _judged(rule, name, was, properties_of(resource)):
                sides = (
                    "" if was is None else _shown(rule, was),
                    _shown(rule, properties_of(resource)),
                )
                found[remark].append(sides)
    remarks = [
        about(severity, name, words, *map(_listing, zip(*sides, strict=True)))
        for (severity, name, words), sides in found.items()
    ]
    return [*remarks, *_unprotected(before, after)]


def _listing(values: Iterable[str]) -> str:
    """Return values, each once."""
    return ", ".join(dict.fromkeys(filter(None, values)))


def _judged(
    rule: Rule, name: str, was: Mapping[str, Any] | None, will_be: Mapping[str, Any]
) -> tuple[Severity, str, str] | None:
    """Return what a rule says of a resource, of which `was` is nothing where it is new."""
    old, new = 0 if was is None else _level(rule, was), _level(rule, will_be)
    if new is None:
        is_same = was is not None and _values(rule, was) == _values(rule, will_be)
        unknown = f"may be more exposed, which only a stack can tell: it {rule.words}"
        return None if is_same or (old or 0) >= 1 else (rule.severity, name, unknown)
    if new > (0 if old is None else old):
        return rule.severity, name, rule.words
    if was is not None and old is not None and new < old:
        return Severity.CHANGE, name, f"is less exposed by its {_label(rule)}"
    return None


def _values(rule: Rule, body: Mapping[str, Any]) -> list[Any]:
    return (values_at(body, rule.path) if rule.path else [body]) or [None]


def _level(rule: Rule, body: Mapping[str, Any]) -> int | None:
    levels = [rule.level(value) for value in _values(rule, body)]
    known = [level for level in levels if level is not None]
    return max(known) if len(known) == len(levels) or max(known, default=0) >= 1 else None


def _label(rule: Rule) -> str:
    return " and ".join(rule.shown) or rule.path.rpartition(".")[2]


def _shown(rule: Rule, body: Mapping[str, Any]) -> str:
    """Return the properties that a rule is about, with their values."""
    paths = rule.shown or ((rule.path,) if rule.path else ())
    return ", ".join(
        f"{path.rpartition('.')[2]} {listing(short_text_of(value) for value in values) or 'none'}"
        for path in paths
        for values in [values_at(body, path)]
    )


def _unprotected(before: Resources, after: Resources) -> Iterator[Remark]:
    """Yield what no web ACL guards any more, although it is still there."""
    old, new = _protected(before), _protected(after)
    for text in sorted(old.keys() - new.keys()):
        if all(name in after for name in old[text]):
            subject = " and ".join(sorted(old[text])) or text
            message = f"No web ACL guards {subject} any more"
            yield Remark(Severity.EXPOSURE, subject, message, text)


def _protected(resources: Resources) -> dict[str, set[str]]:
    """Return the resources that each association of a web ACL names, by the text of its ARN."""
    return {
        text_of(arn): set(references(arn)) & resources.keys()
        for _, association in of_type(resources, "AWS::WAFv2::WebACLAssociation").items()
        for arn in [association.get("ResourceArn")]
    }
