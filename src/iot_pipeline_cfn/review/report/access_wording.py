"""The wording of findings about traffic, permissions, exposure, quotas and costs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.findings import Finding, Severity

SHOWN: Final = 3
"""How many of many resources a sentence names."""

INTERNET: Final = frozenset({"0.0.0.0/0", "::/0"})


def _traffic(finding: Finding) -> str:
    names = finding.details["sources"]
    sources = "the internet ({sources})" if INTERNET.issuperset(names) else "{sources}"
    verb = "reaches" if len(names) == 1 else "reach"
    adverb = "now" if finding.code == "traffic-opened" else "no longer"
    return f"{sources} {adverb} {verb} {{targets}} on {{ports}}"


def _permission(finding: Finding) -> str:
    principal = "anyone" if finding.details["principal"] == "*" else "{principal}"
    effect = "allowed" if finding.details["effect"] == "Allow" else "denied"
    permissions = finding.details["permissions"]
    # What can escalate is first, and is never left out.
    shown = max(SHOWN, sum(one["escalates"] for one in permissions))
    whats = [
        f"{{permissions[{place}][actions]}} on {{permissions[{place}][resource]}}"
        for place in range(min(len(permissions), shown))
    ]
    more = [f"{len(permissions) - shown} more"] if len(permissions) > shown else []
    condition = " if {conditions}" if "conditions" in finding.details else ""
    change = "widen" if finding.severity is Severity.EXPOSURE else "narrow"
    verb = {
        "permission-added": f"is now {effect}",
        "permission-removed": f"is no longer {effect}",
        "permission-conditions-changed": f"is {effect} under conditions that may {change} access",
    }[finding.code]
    return f"{principal} {verb}: {'; '.join([*whats, *more])}{condition}"


def _exposure(finding: Finding) -> str:
    is_known = finding.details["is_certain"] or "where" in finding.details
    condition = "" if is_known else ", depending on a value known only to the stack"
    return f"{EXPOSURE[finding.code]} ({{properties}}){condition}"


EXPOSURE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audit-log-disabled": "{subject} records less, or nothing, in its audit log",
        "cache-password-removed": "{subject} no longer asks for a password",
        "clear-text-connections": "{subject} accepts unencrypted connections",
        "customer-managed-key-removed": "{subject} loses its customer managed key",
        "instance-metadata-v1": "{subject} allows IMDSv1, which needs no token",
        "internet-facing": "{subject} faces the internet",
        "internet-gateway-route": "{subject} leads to an internet gateway",
        "internet-traffic-allowed": "{subject} lets in traffic from every address",
        "open-sign-up": "{subject} lets anyone sign up",
        "privileged-container": "{subject} runs a privileged container",
        "public-access": "{subject} allows public access",
        "public-address": "{subject} assigns a public IP address",
        "unauthenticated-callers": "{subject} does not authenticate its callers",
        "unencrypted-storage": "{subject} is stored unencrypted",
        "weak-tls": "{subject} accepts weaker TLS, or none",
        "weaker-authorization": "{subject} requires less authorization",
        "web-acl-allows-by-default": "{subject} allows all other requests",
        "web-acl-blocks-less": "fewer rules of {subject} block requests",
        "less-exposed": "{subject} is less exposed",
        "better-protected": "{subject} protects its data better",
        "data-expires": "{subject} deletes its data after some time, or sooner",
        "deletion-protection-removed": "{subject} loses its deletion protection",
        "key-disabled": "{subject} is disabled: nothing that it encrypts can be read",
        "recovery-weakened": "{subject} no longer keeps earlier versions of its data",
        "retention-reduced": "{subject} keeps its data or backups for a shorter time, and "
        "deletes what is older",
    }
)


def _cost(finding: Finding) -> str:
    direction = "more" if finding.code == "monthly-cost-increased" else "less"
    is_complete = "total_after" in finding.details
    about, estimates = (
        ("≈ ", "; estimated: {estimated}") if "estimated" in finding.details else ("", "")
    )
    totals = f", {about}${{total_after}} instead of {about}${{total_before}}" if is_complete else ""
    return f"a month costs about ${{amount}} {direction}{totals}: {{resources}}{estimates}"


def _quota(finding: Finding) -> str:
    direction = "more" if finding.code == "quota-need-increased" else "fewer"
    limit = "more than " if finding.details["exceeds_default"] else ""
    return f"needs {direction} {{limited}}; {limit}AWS's default of {{default}}"


ACCESS_WORDINGS: Final[Mapping[str, str | Callable[[Finding], str]]] = MappingProxyType(
    {
        "traffic-opened": _traffic,
        "traffic-closed": _traffic,
        "default-security-group": "{subject} gets the default security group of its VPC",
        "unknown-security-groups": "{subject} gets security groups with unknown rules: "
        "{unknown_groups}",
        "permission-added": _permission,
        "permission-removed": _permission,
        "permission-conditions-changed": _permission,
        "uncompared-policy-statement": "a policy of {subject} changes in a statement with inverse "
        "elements or rare operators; compare it by hand",
        "managed-policy-attached": "{subject} gets the managed policy {policy}",
        "managed-policy-detached": "{subject} loses the managed policy {policy}",
        "permissions-boundary-added": "{subject} gets a permissions boundary",
        "permissions-boundary-changed": "{subject} gets another permissions boundary, possibly "
        "wider",
        "permissions-boundary-removed": "{subject} loses its permissions boundary",
        **dict.fromkeys(EXPOSURE, _exposure),
        "new-api-method": "{subject} is a new API method",
        "new-api-path": "{subject} is a new API path",
        "new-elastic-ip": "{subject} is a new Elastic IP address",
        "new-listener-rule": "{subject} is a new listener rule",
        "web-acl-removed": "{subject} is no longer protected by a web ACL",
        "not-assessed": "{subject} has no rules about data, exposure or permissions: {resources}",
        "quota-need-increased": _quota,
        "quota-need-decreased": _quota,
        "monthly-cost-increased": _cost,
        "monthly-cost-decreased": _cost,
        "not-priced": "the price of {subject} in {region} is unknown",
        "unpriced-region": "hourly costs change, and the price table has no prices for {region}, "
        "only for {regions}",
    }
)
