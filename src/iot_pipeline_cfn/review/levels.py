"""How exposed, or how little protected, a value leaves its resource: higher is worse.

A level is None where the value is a reference. A missing property is rated as None.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from iot_pipeline_cfn.template.lookup import mappings, possible_values, text_of, values_at

Level = Callable[[Any], float | None]
"""The level of a value, or of all properties together for a rule without a path."""


def if_true(value: object) -> int | None:
    """Rate true as exposed; in a rule, read exposed *if true*."""
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

    def level(value: object) -> int | None:
        return _any_of(value, *exposed)

    level.__name__ = f"if {' or '.join(name or 'missing' for name in exposed)}"
    return level


def unless(*safe: str) -> Level:
    """Rate certain values as safer than all others; only giving them up makes a difference."""

    def level(value: object) -> int | None:
        is_safe = _any_of(value, *safe)
        return None if is_safe is None else -is_safe

    level.__name__ = f"if no longer {' or '.join(safe)}"
    return level


def if_less(default: float = 0) -> Level:
    """Rate numbers: less is worse. The default stands for a missing value."""

    def level(value: object) -> float | None:
        try:
            return -default if value is None else -float(text_of(value))
        except ValueError:
            return None

    level.__name__ = "if less"
    return level


FOREVER: Final = math.inf


def _any_of(value: object, *exposed: str) -> int | None:
    return None if isinstance(value, Mapping) else int(text_of(value).lower() in exposed)


if_open = if_any_of("", "none")
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


def rate_network_acl(entry: Mapping[str, Any]) -> int | None:
    """Rate an entry that lets traffic in from every address as exposed.

    https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
    """
    blocks = [text_of(entry.get(key)) for key in ("CidrBlock", "Ipv6CidrBlock")]
    rates = [
        _any_of(entry.get("RuleAction"), "allow"),
        if_not_true(entry.get("Egress")),
        int(bool({"0.0.0.0/0", "::/0"} & {*blocks})),
    ]
    return None if None in rates else min(rate or 0 for rate in rates)


def rate_blocking_rules(web_acl: Mapping[str, Any]) -> int:
    """Rate a web ACL or rule group by the number of its rules that block; fewer are worse.

    A managed rule group blocks unless `OverrideAction` only counts.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-action.html
    """
    blocks = ("Action.Block", "Action.Captcha", "Action.Challenge", "OverrideAction.None")
    rules = mappings(web_acl.get("Rules"))
    return -sum(any(values_at(rule, path) != [] for path in blocks) for rule in rules)


def rate_lifecycle(bucket: Mapping[str, Any]) -> float:
    """Rate how soon the rules of a bucket delete objects: more rules and fewer days are worse.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html
    """
    return sum(
        1 / _days(rule)
        for rule in mappings(values_at(bucket, "LifecycleConfiguration.Rules"))
        if rule.get("Status") == "Enabled"
    )


EXPIRING: Final = (
    "ExpirationInDays",
    "NoncurrentVersionExpiration.NoncurrentDays",
    "NoncurrentVersionExpirationInDays",
)


def _days(rule: Mapping[str, Any]) -> float:
    """Return after how many days a rule deletes; 1 where that is a date or a reference."""
    if "ExpirationDate" in rule:
        return 1
    values = [value for path in EXPIRING for value in values_at(rule, path)]
    days = [-(if_less()(value) or -1) for value in values]
    return max(min(days, default=FOREVER), 1)


def rate_balancer(balancer: Mapping[str, Any]) -> int | None:
    """Rate a load balancer with deletion protection as safer."""
    levels = [
        unless("true")(value)
        for attribute in mappings(balancer.get("LoadBalancerAttributes"))
        if attribute.get("Key") == "deletion_protection.enabled"
        for value in possible_values(attribute.get("Value"))
    ]
    return None if None in levels else int(max((level or 0 for level in levels), default=0))


def rate_database_parameters(group: Mapping[str, Any]) -> int | None:
    """Rate a parameter group that accepts connections without TLS as exposed.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    """
    parameters = next(mappings(group.get("Parameters")), {})
    return _any_of(parameters.get("rds.force_ssl"), "0")


WHOLE: Final = frozenset(
    {
        rate_balancer,
        rate_blocking_rules,
        rate_database_parameters,
        rate_lifecycle,
        rate_listener,
        rate_method,
        rate_network_acl,
    }
)
"""Levels of all properties together."""
