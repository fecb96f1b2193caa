"""What a check is given, what it finds, and running all of them at once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.cloudformation import ValidationFinding
from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.errors import EXPIRED, code_of, explained
from iot_pipeline_cfn.emulator.control import NOT_AVAILABLE
from iot_pipeline_cfn.template.changes import ResourceChange
from iot_pipeline_cfn.template.resolution import resolve


class Severity(StrEnum):
    """What a finding means for the deployment: an error stops it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """What a check has to say."""

    code: str
    severity: Severity
    message: str
    logical_ids: Sequence[str] = ()
    """Of the resources that it is about."""
    validation: str = ""
    """What the names of early validations contain that find the same."""

    def as_data(self) -> dict[str, Any]:
        """Return what scripts are told of it, as data for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "logical_ids": list(self.logical_ids),
        }

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.severity} {self.code}: {self.message}"


@dataclass(frozen=True)
class Subject:
    """What is about to be done, to which environment, and with which value of each parameter."""

    environment: str
    connection: Connection
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    changes: Sequence[ResourceChange]

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """All resources that the environment is going to have, resolved, by their logical ids.

        What only the stack can tell, such as the ARN of another resource, is still a function.
        """
        given = {**self.parameters, "AWS::Region": self.connection.region}
        return resolve(self.template, given)["Resources"]

    def touched(self, resource_type: str, *names: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties of what `new` lists, and of what changes in some property.

        `names` are those properties; a change within one, such as `Variables.name`, is one of it.
        Without names it is only what is new.
        """
        new = self.new(resource_type)
        return {
            change.logical_id: self.resources[change.logical_id].get("Properties", {})
            for change in self.changes
            if change.resource_type == resource_type
            and (change.logical_id in new or {*names} & {part.name for part in change.properties})
            and change.logical_id in self.resources
        }

    def new(self, resource_type: str) -> list[str]:
        """Return the logical ids of the resources of a type that a change set makes.

        A replacement is made before what it replaces goes, and so counts as well.
        """
        return [
            change.logical_id
            for change in self.changes
            if change.resource_type == resource_type and change.creates
        ]


Check = Callable[[Subject], Iterable[Finding]]


def run(
    checks: Mapping[str, Check], subject: Subject, ignored: Collection[str] = ()
) -> list[Finding]:
    """Return what checks find, by their codes; an error that is to be ignored is a warning."""
    with ThreadPoolExecutor(max_workers=len(checks)) as executor:
        found = executor.map(lambda code: _looked(code, checks[code], subject), checks)
        return [
            replace(finding, severity=Severity.WARNING)
            if finding.code in ignored and finding.severity is Severity.ERROR
            else finding
            for findings in found
            for finding in findings
        ]


def joined(
    warnings: Iterable[ValidationFinding], findings: Iterable[Finding]
) -> tuple[list[ValidationFinding], list[Finding]]:
    """Return what early validation and checks have found, with nothing in both.

    Where both have found the same, it is one finding, with AWS's words first.
    """
    left, told = list(warnings), []
    for finding in findings:
        same = [each for each in left if _is_same(each, finding)]
        left = [each for each in left if each not in same]
        words = "; ".join([*(f"{each.reason} ({each.name})" for each in same), finding.message])
        told.append(replace(finding, message=words))
    return left, told


def _is_same(warning: ValidationFinding, finding: Finding) -> bool:
    """Names of validations are no fixed set, and say it in one way or another."""
    return (
        bool(finding.validation)
        and finding.validation in warning.name.upper()
        and bool({*finding.logical_ids} & {*warning.path.split("/")})
    )


def _looked(code: str, check: Check, subject: Subject) -> list[Finding]:
    """Return what a check finds; that it cannot be made is worth a note, and blocks nothing."""
    findings: list[Finding] = []
    try:
        findings.extend(check(subject))
    except (BotoCoreError, ClientError) as error:
        error_code = code_of(error) if isinstance(error, ClientError) else ""
        if error_code in EXPIRED:
            # Nothing that comes after it can be done either.
            raise
        # The emulator knows nothing of what the check asks for.
        if error_code != NOT_AVAILABLE:
            findings.append(_unchecked(code, str(explained(error))))
    except Exception as error:  # noqa: BLE001 An answer that nobody has thought of blocks nothing.
        findings.append(_unchecked(code, f"what AWS answers is not understood ({error!r})"))
    # What was found before counts all the same.
    return findings


def _unchecked(code: str, reason: str) -> Finding:
    return Finding(code, Severity.NOTE, f"could not be checked: {reason}")


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of what a call has described."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
