"""What a review has to say of a change."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a remark is about, from the worst."""

    DATA_LOSS = "data-loss"
    EXPOSURE = "exposure"
    REPLACEMENT = "replacement"
    INTERRUPTION = "interruption"
    CHANGE = "change"
    NOTE = "note"


@dataclass(frozen=True)
class Remark:
    """One line of a review: about a logical id, or about what `subject` names."""

    severity: Severity
    subject: str
    message: str
    before: str = ""
    after: str = ""
    causes: tuple[str, ...] = ()
    """The logical ids that it follows from, through however many others; none of a cause."""


def about(severity: Severity, subject: str, what: str, before: str = "", after: str = "") -> Remark:
    """Return a remark that says something of its subject, such as that it `is replaced`."""
    return Remark(severity, subject, f"{subject} {what}", before, after)
