"""A bridge to findings, for the analyses that still write sentences; it goes when the last does."""

from iot_pipeline_cfn.template.findings import Finding, Severity

__all__ = ["REMARK", "Remark", "Severity", "about"]

REMARK = "remark"
"""The code of a finding that brings its sentence along."""


class Remark(Finding):
    """A finding that brings its sentence along."""

    def __init__(  # noqa: PLR0917
        self,
        severity: Severity,
        subject: str,
        message: str,
        before: str = "",
        after: str = "",
        causes: tuple[str, ...] = (),
    ) -> None:
        """Keep the sentence in the details."""
        details = {"message": message, "before": before, "after": after}
        super().__init__(REMARK, severity, subject, details, causes)

    @property
    def message(self) -> str:
        """The sentence."""
        return str(self.details["message"])

    @property
    def before(self) -> str:
        """The value before the change."""
        return str(self.details["before"])

    @property
    def after(self) -> str:
        """The value after the change."""
        return str(self.details["after"])


def about(severity: Severity, subject: str, what: str, before: str = "", after: str = "") -> Remark:
    """Return a remark that says something of its subject, such as that it `is replaced`."""
    return Remark(severity, subject, f"{subject} {what}", before, after)


def as_finding(remark: Finding) -> Finding:
    """Return a finding that is equal to others like it, whatever their class."""
    if remark.code != REMARK:
        return remark
    details = {name: text for name, text in remark.details.items() if text}
    return Finding(REMARK, remark.severity, remark.subject, details, remark.causes)
