"""A review for a person at a terminal, or for a log."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.differences import one_line, worded
from iot_pipeline_cfn.review.resources import Change, PropertyChange
from iot_pipeline_cfn.review.verdict import Entry, Review, listed, word
from iot_pipeline_cfn.template.findings import Finding, Severity, Value

from .wording import TITLES, sentence

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
        for place, words in review.counts().items():
            if place:
                yield f"  {place}: {words}", ""
        for heading, entries in review.sections().items():
            yield from (("", ""), (TITLES[heading], "bold"))
            for entry in entries:
                yield from _entry(entry)
        changes = review.changes()
        if changes:
            yield from (("", ""), ("Resources", "bold"))
        for change, place in changes:
            yield from _change(change, place)


def _entry(entry: Entry) -> Iterator[Line]:
    """Yield what is said of a cause, and in a line what follows; why is said of each resource."""
    said = f"  {_remark(entry.remark)}{_where(entry.place)}"
    yield said, STYLES.get(entry.remark.severity, "")
    if entry.followers:
        names = {one.subject + _where(place): None for one, place in entry.followers}
        yield f"    with it {entry.number}: {', '.join(names)}", "dim"


def _change(change: Change, place: str) -> Iterator[Line]:
    said = f"  {change.logical_id} ({change.resource_type}) {word(change)}{_where(place)}"
    if change.follows:
        yield f"{said}: {'; '.join(map(_property, change.properties))}", "dim"
        return
    yield said, ""
    for part in change.properties:
        yield f"    {_property(part)}", "dim"


def _where(place: str) -> str:
    return f" [{place}]" if place else ""


def _remark(finding: Finding) -> str:
    values = _values(*(worded(finding.details.get(side)) for side in ("before", "after")))
    return one_line(f"{sentence(finding, _value)}{values and ': '}{values}")


def _value(value: Value) -> str:
    return _shown(listed(list(map(worded, value))) if isinstance(value, list) else worded(value))


def _values(before: str, after: str) -> str:
    if before and after:
        return f"{_shown(before)} -> {_shown(after)}"
    return f"was {_shown(before)}" if before else _shown(after)


def _property(part: PropertyChange) -> str:
    if part.because_of:
        return part.cause
    return f"{part.name}: {_shown(part.before) or '-'} -> {_shown(part.after) or '-'}"


def _shown(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
