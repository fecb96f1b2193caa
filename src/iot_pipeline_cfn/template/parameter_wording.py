"""English sentences for findings about parameters, shared by the terminal and the review's reports.

The fields of a wording are the `subject` and the `details` of the finding.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from .findings import Finding, Value

PARAMETER_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "desired-count-above-maximum": "{subject}: {value} is more than MaximumCount ({maximum})",
        "fixed-parameter": (
            "{subject}: cannot be changed, because the database would be replaced; destroy the "
            "environment first"
        ),
        "duplicate-tag": "tag {subject}: differs from another key in case only, which IAM refuses",
        "invalid-tag": (
            "tag {subject}: a key has 1 to 128 characters and a value 1 to 256, which are letters, "
            "digits, spaces and _ . : / = + - @"
        ),
        "too-many-tags": "{count} tags: at most {maximum} fit beside those of the stack",
        "missing-parameter": "{subject}: must be given, because it has no default",
        "not-a-number": "{subject}: {value} is not a number",
        "not-a-whole-number": "{subject}: {value} is not a whole number",
        "out-of-range": "{subject}: {value} is not from {minimum} to {maximum}",
        "pattern-mismatch": "{subject}: {value} is not allowed: {rule}",
        "reserved-parameter": "{subject}: is set by the deployer and cannot be given",
        "reserved-tag": "tag {subject}: is reserved",
        "template-rule": "{rule}",
        "unknown-parameter": "{subject}: the template has no such parameter",
        "value-not-allowed": "{subject}: {value} is not one of {allowed}",
        "value-too-long": "{subject}: {value} is longer than {maximum_bytes} bytes",
    }
)

MAXIMUM_LENGTH: Final = 60
"""Longer values are cut off."""


def parameter_sentence(finding: Finding) -> str:
    """Return a finding about a parameter as one line for the terminal."""
    details = finding.details
    values = {key: _shown(key, value) for key, value in details.items()}
    subject = finding.subject if finding.subject.isalnum() else _quoted(finding.subject)
    text = PARAMETER_WORDINGS[finding.code].format(**values, subject=subject)
    if "before" in details:
        text += f" ({values['before']} -> {values['after']})"
    if "declared" in details:
        nearest = _nearest(finding.subject, details["declared"])
        text += f"; did you mean {nearest}?" if nearest else f"; it has {values['declared']}"
    return f"{details['file']}: {text}" if "file" in details else text


def _nearest(name: str, declared: Iterable[str]) -> str | None:
    """Return the parameter that a misspelt name may mean."""
    names = {each.lower(): each for each in declared}
    found = get_close_matches(name.lower(), names, n=1, cutoff=0.8)
    return names[found[0]] if found else None


def _shown(key: str, value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return _quoted(value) if key in {"after", "before", "value"} else str(value)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MAXIMUM_LENGTH else f"{text[:MAXIMUM_LENGTH]}...")
