"""The sentences for findings of preflight checks, and for what the user can do about them."""

import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.template.findings import Finding, Remediation
from iot_pipeline_cfn.template.quotas import QUOTAS

CONSUMERS_SHOWN: Final = 8

LIMIT_SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "account": "",
        "default": " (AWS's default)",
        "assumed": " (AWS's default; the account's own quota cannot be read)",
    }
)

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "allocated-address/missing": "{subject}: {allocation_id} does not exist in {region}",
        "allocated-address/in-use": "{subject}: {allocation_id} is in use by {user}",
        "api-gateway-account/no-role": (
            "API Gateway has no role for logs in {region} and rejects a stage with access logs; "
            "set a role with the policy {policy} once per account and region (docs/preflight.md)"
        ),
        "cache-orderable/version": (
            "{subject}: ElastiCache does not offer {engine} {version} in {region}; it offers {sold}"
        ),
        "cache-orderable/node-type": (
            "{subject}: {node_type} is probably not offered in {region}: it cannot be reserved"
        ),
        "certificate/other-region": "{subject}: {arn} is in {region}; the listener is in {wanted}",
        "certificate/missing": "{subject}: {arn} does not exist in this account",
        "certificate/pending-validation": "{subject}: {arn} is not issued yet",
        "certificate/not-issued": "{subject}: {arn} is {status}; it must be ISSUED",
        "certificate/expires": "{subject}: {arn} expires on {expires} and is not renewed by ACM",
        "certificate/other-domain": (
            "{subject}: {arn} is for {names}, which does not cover DomainName {domain}: the API "
            "would reject the load balancer"
        ),
        "certificate/private-authority": (
            "{subject}: {arn} is from a private authority, which API Gateway does not trust: API "
            "requests would fail"
        ),
        "database-orderable/class": (
            "{subject}: RDS does not offer {engine} {version} on {instance_class} in {region}"
        ),
        "database-orderable/version": (
            "{subject}: RDS no longer creates {engine} {version} in {region}; it creates {sold}"
        ),
        "database-orderable/storage": (
            "{subject}: RDS offers {engine} {version} on {instance_class} in {region} with storage "
            "{sold}, not {storage}"
        ),
        "database-orderable/feature": (
            "{subject}: RDS offers {engine} {version} on {instance_class} in {region} without "
            "{feature}"
        ),
        "database-orderable/zones": (
            "{subject}: RDS offers {engine} {version} on {instance_class} in the zones {sold}; "
            "{needed} of {zones} needed"
        ),
        "deletion-protection": (
            "{subject} would be deleted, but {physical_id} is protected from deletion and would "
            "stay behind; lift the protection in a deployment of its own"
        ),
        "early-validation": "{path}: {reason} ({name})",
        "image/no-repository": (
            "{tag} cannot be in {repository} before this deployment creates the repository, so "
            "tasks would not start"
        ),
        "image/repository-deleted": "the stack's repository {repository} has been deleted",
        "image/not-pullable": "{tag} in {repository} cannot be pulled: {failures}",
        "image/missing": "{tag} is not in {repository}; newest tags: {newest_tags}",
        "image/missing-on-emulator": (
            "{tag} is not in {repository}; AWS would need it, but the emulator runs no containers; "
            "to build and push an image (docs/image.md), run:"
        ),
        "image/architecture": "{tag} is built for {built}, but tasks run on {architecture}",
        "image/not-scanned": "{tag} has not been scanned",
        "image/critical-findings": "the scan of {tag} has {critical} critical findings",
        "image/scan-in-progress": "the scan of {tag} is not complete ({status})",
        "image/scan-failed": "the scan of {tag} is {status} {reason}",
        "interruption/authorization": (
            "{subject}: clients that still use the other kind of authorization get 403"
        ),
        "interruption/database": (
            "{subject} restarts or fails over: requests that need it fail for a minute or more"
        ),
        "interruption/load-balancer": (
            "{subject} is replaced: requests fail until the new one has its tasks"
        ),
        "interruption/no-tasks": "{subject} runs no tasks any more: all requests fail",
        "name-taken/none": "{subject}: the name {name} is taken by a resource of no stack",
        "name-taken/deleted-stack": (
            "{subject}: the name {name} is taken by a resource of {stack}, which is deleted"
        ),
        "name-taken/own-stack": "{subject}: the name {name} is taken by this environment itself",
        "name-taken/other-stack": "{subject}: the name {name} is taken by the stack {stack}",
        "name-taken/unknown": (
            "{subject}: the name {name} is taken by a resource whose stack cannot be determined"
        ),
        "names": "{subject}: {property} {name!r} must be {allowed}",
        "not-checked": "could not be checked: {reason}",
        "permissions/denied": "IAM's policy simulator denies {principal}: {actions}",
        "permissions/no-schemas": (
            "could not be checked: cfn-lint, which has the resource schemas, is not installed"
        ),
        "service-linked-roles/missing": (
            "services without a role in this account create one at their first use, which needs "
            "iam:CreateServiceLinkedRole and can fail once: {services}"
        ),
        "templates/stale": "{files}: not what the code renders; run make template",
        "templates/unrenderable": "rendering {subject}/ fails: {reason}; make template shows where",
        "zones/unavailable": "{subject}: {zone} is not available in {region}; available: {usable}",
        "zones/constrained": "{subject}: {zone} is {state}: resources may fail to be created there",
        "zones/no-endpoint": "{subject}: the service {service} has no endpoints in {zone}",
        "zones/not-offered": "{subject}: {zone} is {zone_id}, which has no {offering} ({source})",
        "zones/region-not-listed": (
            "{subject}: {zone} may have no {offering}: AWS does not list {region} ({source})"
        ),
    }
)
"""By code, or by code and the detail `problem` or `owner`."""

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "allow-actions": "have these actions allowed, or deploy as another principal",
        "build-for-platform": "build it with --platform {platform}, under another tag",
        "change-template": "change {constant} in stack/{component}.py, and run make template",
        "create-validation-records": "create the DNS records of the validation, and wait",
        "delete-resource": "delete the resource with everything in it: {argv}",
        "destroy-environment": "destroy an unprotected environment: {argv}",
        "import-resource": "import the resource (docs/preflight.md)",
        "install-extra": "in the checkout, run make {extra}, or pip install '.[{extra}]'",
        "proceed-stepwise": "proceed: ECS starts the tasks that fit first, and then the others",
        "raise-quota": "request a higher quota: {quota_code} of {service}",
        "remove-first": "remove it in a deployment of its own first",
        "renew-certificate": "import a new certificate under the same ARN, or give another one",
        "run-command": "{argv}",
        "set-parameter": "--parameter {name}={value}",
        "start-fewer-tasks": "start fewer or smaller tasks: DesiredCount, TaskSize",
        "use-other-name": "deploy under another environment name",
    }
)


def finding_lines(finding: Finding) -> Iterator[str]:
    """Yield the lines for a finding: its sentence, CloudFormation's own, and the remediations."""
    yield f"{finding.severity} {finding.code}: {sentence(finding)}"
    for validation in finding.details.get("validations", ()):
        yield f"    CloudFormation: {validation['reason']} ({validation['name']})"
    for remediation in finding.remediations:
        yield f"    {remedy(remediation)}"


def sentence(finding: Finding) -> str:
    """Return the sentence for a finding."""
    if "limit_source" in finding.details:
        return _quota_sentence(finding)
    details = finding.details
    if details.get("problem") == "not-checked":
        return SENTENCES["not-checked"].format(**details)
    kind = details.get("problem") or details.get("owner")
    template = SENTENCES[f"{finding.code}/{kind}" if kind else finding.code]
    words = {name: _text(value) for name, value in details.items()}
    return template.format(**words, subject=finding.subject).strip()


def remedy(remediation: Remediation) -> str:
    """Return the words for something that the user can do."""
    details = remediation.details
    if remediation.action == "choose-parameter":
        values = _text(details.get("values", ()))
        return f"choose another {details['name']}" + (
            f": {values}" if details.get("values") else ""
        )
    words = {name: _text(value) for name, value in details.items()}
    if "argv" in details:
        words["argv"] = shlex.join(details["argv"])
    return REMEDIES[remediation.action].format(**words)


def _quota_sentence(finding: Finding) -> str:
    details = finding.details
    quota = QUOTAS[finding.subject]
    unit = quota.what + "s" * (details["needed"] > 1)
    scope = f" in {details['scope']}" if details["scope"] else ""
    source = LIMIT_SOURCES[details["limit_source"]]
    consumers = details["consumers"]
    shown = ", ".join(map(_consumer, consumers[:CONSUMERS_SHOWN]))
    others = sum(each["amount"] for each in consumers[CONSUMERS_SHOWN:])
    more = f" and {others:g} other{'s' * (others > 1)}" if others else ""
    return (
        f"needs {details['needed']:g} {unit}{scope}; {details['used']:g} of {details['limit']:g}"
        f"{source} in use{': ' if shown else ''}{shown}{more}"
    )


def _consumer(consumer: Mapping[str, Any]) -> str:
    """Return a consumer with the resource or the amount that it uses."""
    idle = ", not associated" * consumer["idle"]
    amount = "" if consumer["amount"] == 1 else f"{consumer['amount']:g}"
    if not consumer["stack"]:
        note = f"{amount}{idle}".removeprefix(", ")
        return f"{consumer['resource']} ({note})" if note else str(consumer["resource"])
    return f"{consumer['stack']} ({consumer['resource'] or amount or 1}{idle})"


def _text(value: object) -> Any:
    match value:
        case list() | tuple():
            return ", ".join(map(str, value)) or "none"
        case Mapping():
            return ", ".join(str(text) or str(name) for name, text in value.items())
    return str(value) if value is None else value
