"""What a check gets and reports, running checks, and merging CloudFormation's own findings."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import Stack, ValidationFinding, original_template
from iot_pipeline_cfn.deploy.concurrency import all_of
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.errors import EXPIRED, code_of, explained
from iot_pipeline_cfn.deploy.operations import command_line
from iot_pipeline_cfn.emulator.control import NOT_AVAILABLE
from iot_pipeline_cfn.template.changes import PropertyChange, ResourceChange
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value
from iot_pipeline_cfn.template.lookup import properties_of
from iot_pipeline_cfn.template.quotas import QUOTAS
from iot_pipeline_cfn.template.resolution import resolve

EARLY_VALIDATION: Final = "early-validation"
"""The code of what only CloudFormation has found."""

NAME_CONFLICT: Final = re.compile(r"NAME.*CONFLICT|ALREADY.?EXIST", re.IGNORECASE)
_QUOTA: Final = re.compile("QUOTA", re.IGNORECASE)

SAME_AS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {quota.check: _QUOTA for quota in QUOTAS.values()} | {"name-taken": NAME_CONFLICT}
)
"""Maps our check code to a pattern in the name of the equivalent CloudFormation validation.

The names are open: `NAME_CONFLICT_VALIDATION` and `SERVICE_QUOTA_EXCEEDED` are two of them.
"""


@dataclass(frozen=True)
class PreflightContext:
    """The changes to check, their environment, and the value of each parameter.

    The stack is the one before the changes, None if they create it.
    """

    environment: Environment
    connection: Connection
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    changes: Sequence[ResourceChange]
    stack: Stack | None = None
    role_arn: str | None = None
    """The service role that CloudFormation acts as, instead of as the caller."""

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The environment's resources after the changes, resolved, by their logical IDs.

        References to other resources stay intrinsic functions.
        """
        given = {**self.parameters, "AWS::Region": self.connection.region}
        return resolve(self.template, given)["Resources"]

    @cached_property
    def template_before(self) -> Mapping[str, Any] | None:
        """The template before the changes, None if there is none, or it is YAML."""
        if self.stack is None:
            return None
        return original_template(self.connection.cloudformation, self.stack.arn)

    def created(self, resource_type: str) -> list[str]:
        """Return the logical IDs of the resources of a type that the changes create.

        A replacement counts: it is created before the existing resource is deleted.
        """
        return [
            change.logical_id
            for change in self.changes
            if change.resource_type == resource_type and change.creates
        ]

    def changed(self, resource_type: str, *names: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties of created resources, and of those that change in a property.

        Args:
            resource_type: The type of the resources.
            names: The top-level properties whose changes count. Without any, only created
                resources are returned.

        """
        return {
            change.logical_id: properties_of(self.resources[change.logical_id])
            for change in self.changes
            if change.resource_type == resource_type
            and (change.creates or {*names} & changed_properties(change).keys())
            and change.logical_id in self.resources
        }

    def aws(self, *arguments: str) -> Remediation:
        """Return the command of the AWS CLI that a user can run where the environment lives."""
        return run_command(*aws_command(self.connection, *arguments))

    def deployer(self, verb: str, *options: str) -> Remediation:
        """Return a command of this program for the environment."""
        line = command_line(verb, self.connection, self.environment.name)
        return run_command(*line, *options)


Check = Callable[[PreflightContext], Iterable[Finding]]


def changed_properties(change: ResourceChange) -> dict[str, PropertyChange]:
    """Return the property changes of a resource by the top-level property."""
    return {part.name: part for part in change.properties}


def run_checks(
    checks: Mapping[str, Check], context: PreflightContext, ignored: Collection[str] = ()
) -> list[Finding]:
    """Return the findings of all checks, which run at once; an ignored error is a warning."""
    found = all_of(*(partial(_run, code, check, context) for code, check in checks.items()))
    return [
        replace(each, severity=Severity.WARNING)
        if each.code in ignored and each.severity is Severity.ERROR
        else each
        for findings in found
        for each in findings
    ]


def _run(code: str, check: Check, context: PreflightContext) -> list[Finding]:
    """Return the findings of a check, also those from before it failed."""
    findings: list[Finding] = []
    try:
        findings.extend(check(context))
    except Exception as error:  # An unexpected answer of AWS must not stop a deployment either.
        if isinstance(error, ClientError) and code_of(error) in EXPIRED:
            # The deployment cannot go on without credentials.
            raise
        findings.extend(not_checked(code, error))
    return findings


def report(
    code: str,
    severity: Severity,
    logical_ids: Iterable[str],
    *remediations: Remediation,
    subject: str = "",
    **details: Value,
) -> Finding:
    """Return a finding with the resources that it concerns as the detail `logical_ids`."""
    facts = {**details, "logical_ids": list(logical_ids)}
    return Finding(code, severity, subject, facts, remediations=remediations)


def set_parameter(name: str, value: str, **details: Value) -> Remediation:
    """Return the remediation to set a parameter to a value."""
    return Remediation("set-parameter", {"name": name, "value": value, **details})


def choose_parameter(name: str, **details: Value) -> Remediation:
    """Return the remediation to set a parameter to another value."""
    return Remediation("choose-parameter", {"name": name, **details})


def run_command(*arguments: str) -> Remediation:
    """Return the remediation to run a command."""
    return Remediation("run-command", {"argv": list(arguments)})


def not_checked(code: str, error: Exception, **details: Value) -> Iterator[Finding]:
    """Yield the note that a check failed, unless only AWS can answer and this is the emulator."""
    if isinstance(error, ClientError) and code_of(error) == NOT_AVAILABLE:
        return
    reason = (
        str(explained(error)) if isinstance(error, BotoCoreError | ClientError) else repr(error)
    )
    yield report(code, Severity.NOTE, [], problem="not-checked", reason=reason, **details)


def merge_validations(
    validations: Iterable[ValidationFinding], findings: Iterable[Finding]
) -> list[Finding]:
    """Return the findings of early validation and of checks, each fact once.

    A finding of ours that CloudFormation reports too, by code and logical ID, gets its words as the
    detail `validations`. What only CloudFormation reports comes first.
    """
    remaining, merged = list(validations), []
    for each in findings:
        same = [validation for validation in remaining if _is_same(validation, each)]
        remaining = [validation for validation in remaining if validation not in same]
        details = {"validations": [_facts(validation) for validation in same]} if same else {}
        merged.append(replace(each, details={**each.details, **details}))
    return [*map(validation_finding, remaining), *merged]


def validation_finding(validation: ValidationFinding) -> Finding:
    """Convert a result of CloudFormation's early validation to a finding."""
    severity = Severity.ERROR if validation.fails else Severity.WARNING
    return Finding(EARLY_VALIDATION, severity, logical_id_of(validation), _facts(validation))


def logical_id_of(validation: ValidationFinding) -> str:
    """Return the logical ID in a path such as `/Resources/Topic/Properties`, or all of the path."""
    match validation.path.split("/"):
        case ["", "Resources", logical_id, *_]:
            return logical_id
    return validation.path


def _facts(validation: ValidationFinding) -> dict[str, Value]:
    return {"name": validation.name, "path": validation.path, "reason": validation.reason}


def _is_same(validation: ValidationFinding, finding: Finding) -> bool:
    names = SAME_AS.get(finding.code)
    return (
        names is not None
        and bool(names.search(validation.name))
        and logical_id_of(validation) in finding.details.get("logical_ids", ())
    )


def describe(client: Any, operation: str, **request: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the items of all pages of a call."""
    (items,) = client.get_paginator(operation).paginate(**request).result_key_iters()
    yield from items


def tags_of(resource: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    """Return the tags of a resource as a call describes it."""
    return {tag["Key"]: tag["Value"] for tag in resource.get(key, [])}


def aws_command(connection: Connection, *arguments: str) -> list[str]:
    """Return a command of the AWS CLI that reaches the environments of a connection."""
    words = ["aws", *arguments, "--region", connection.region]
    if connection.is_local and connection.endpoint_url:
        # The emulator takes any credentials, and the AWS CLI sends nothing without some.
        credentials = ["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"]
        words = ["env", *credentials, *words, "--endpoint-url", connection.endpoint_url]
    return words
