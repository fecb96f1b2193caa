"""Findings: the facts that checks, reviews and the deployer report.

A finding is data. The renderers for terminal, Markdown and JSON are the only place where it becomes
a sentence, so nothing in the package reads, splits or sorts a sentence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Value = Any
"""A value of a template or a detail of a finding: anything that JSON can carry."""


class Severity(StrEnum):
    """How serious a finding is, worst first.

    An error stops a deployment, so data loss and exposure are worse: they happen.
    """

    DATA_LOSS = "data-loss"
    EXPOSURE = "exposure"
    ERROR = "error"
    REPLACEMENT = "replacement"
    INTERRUPTION = "interruption"
    WARNING = "warning"
    CHANGE = "change"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """The position in the order of severities; the worst has 0."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Remediation:
    """One thing that the user can do about a finding, such as `destroy-environment`."""

    action: str
    details: Mapping[str, Value] = field(default_factory=dict, hash=False)

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {"action": self.action, "details": dict(self.details)}


@dataclass(frozen=True)
class Finding:
    """One fact that a check or a review reports.

    Attributes:
        code: A stable identifier of the kind of fact, such as `elastic-ips`.
        severity: How serious it is.
        subject: What it is about: a logical ID, a parameter, a quota or an environment.
        details: The facts, by snake_case keys that belong to the code.
        causes: Logical IDs of the changes that it follows from; empty for a cause.
        remediations: What the user can do about it, the best first.

    """

    code: str
    severity: Severity
    subject: str = ""
    details: Mapping[str, Value] = field(default_factory=dict, hash=False)
    causes: tuple[str, ...] = ()
    remediations: Sequence[Remediation] = field(default=(), hash=False)

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "subject": self.subject,
            "details": dict(self.details),
            "causes": list(self.causes),
            "remediations": [each.as_data() for each in self.remediations],
        }


Findings = Iterator[Finding]
