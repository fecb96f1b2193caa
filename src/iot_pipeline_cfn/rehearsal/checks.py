"""Checks of a rehearsal: their results are data, which the command line turns into sentences."""

from iot_pipeline_cfn.template.findings import Finding, Severity, Value


class CheckFailed(Exception):  # noqa: N818 The check has failed, and not the program.
    """A check has failed; the finding says which one, and has the facts."""

    def __init__(self, code: str, **details: Value) -> None:
        """Take the code and the details of the finding."""
        super().__init__(f"{code}: {details}")
        self.finding = Finding(code, Severity.ERROR, details=details)


class StepSkipped(CheckFailed):
    """The rest of a step cannot run here; the finding has the reason."""


def passed(code: str, **details: Value) -> Finding:
    """Return the finding of a check that has passed."""
    return Finding(code, Severity.NOTE, details=details)


def require(condition: object, code: str, **details: Value) -> None:
    """Fail with a code and details unless a condition holds."""
    if not condition:
        raise CheckFailed(code, **details)
