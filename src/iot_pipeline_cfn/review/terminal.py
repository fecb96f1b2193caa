"""A review for a person at a terminal, or for a log."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from .remarks import Remark, Severity
from .resources import Change, PropertyChange
from .verdict import Review, Section, word

STYLES: Final = MappingProxyType(
    {
        Severity.DATA_LOSS: "bold red",
        Severity.EXPOSURE: "bold red",
        Severity.REPLACEMENT: "yellow",
        Severity.INTERRUPTION: "yellow",
    }
)
SHOWN: Final = 200

Line = tuple[str, str]
"""A line, and its style in rich's words."""


def lines(reviews: Sequence[Review]) -> Iterator[Line]:
    """Yield the lines of reviews, each with its style."""
    for review in reviews:
        yield f"{review.template}: {review.headline}", "bold"
        for group in review.groups:
            counts = group.verdict.counts() or "no resource changes"
            yield "", ""
            yield f"{group.name}: {counts}" if group.name else counts, "bold underline"
            for section in group.verdict.sections:
                yield from _section(section)
            for change in group.verdict.changes:
                yield from _change(change)
        if review.general.sections:
            yield "", ""
            yield "Whatever the environment:", "bold underline"
            for section in review.general.sections:
                yield from _section(section)


def _section(section: Section) -> Iterator[Line]:
    yield f"  {section.heading}", "bold"
    for remark in section.remarks:
        yield f"    {_remark(remark)}", STYLES.get(remark.severity, "")


def _remark(remark: Remark) -> str:
    values = _values(remark.before, remark.after)
    return f"{remark.subject} {remark.message}{values and ': '}{values}"


def _values(before: str, after: str) -> str:
    if not (before or after):
        return ""
    return f"{_shown(before)} -> {_shown(after)}"


def _change(change: Change) -> Iterator[Line]:
    yield f"  {change.logical_id} ({change.resource_type}) {word(change)}", ""
    for part in change.properties:
        yield f"    {_property(part)}", "dim"


def _property(part: PropertyChange) -> str:
    values = _values(part.before, part.after)
    return part.cause if part.because_of else f"{part.name}: {values}"


def _shown(text: str) -> str:
    line = " ".join(text.split()) or "-"
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
