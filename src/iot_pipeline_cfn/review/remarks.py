"""What a review says of one thing."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a remark matters, from the worst to the least."""

    DATA_LOSS = "data-loss"
    EXPOSURE = "exposure"
    REPLACEMENT = "replacement"
    INTERRUPTION = "interruption"
    CHANGE = "change"
    NOTE = "note"


@dataclass(frozen=True)
class Remark:
    """One line of a review; `subject` is a logical id, or what else it is about."""

    severity: Severity
    subject: str
    message: str
    before: str = ""
    after: str = ""
