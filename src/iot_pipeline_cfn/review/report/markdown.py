"""A review as Markdown, for a comment on a pull request."""

from collections.abc import Iterator, Sequence
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.differences import worded
from iot_pipeline_cfn.review.resources import Change, PropertyChange
from iot_pipeline_cfn.review.verdict import Entry, Review, listed, rank, word
from iot_pipeline_cfn.template.findings import Finding, Severity, Value

from .tables import code, escaped, table
from .wording import TITLES, sentence

SHOWN: Final = 100
"""So many characters of a value are shown."""

ROWS: Final = 150
"""So many rows a table has: GitHub takes a comment of up to 65,536 characters."""


def markdown(reviews: Sequence[Review]) -> str:
    """Return reviews as one document of GitHub's Markdown."""
    return "\n".join(line for review in reviews for line in _review(review))


def _review(review: Review) -> Iterator[str]:
    yield f"### Review of {code(review.template)}"
    yield ""
    yield f"**{escaped(review.headline)}**"
    yield ""
    yield from (f"- {escaped(place)}: {words}" for place, words in review.counts().items() if place)
    yield ""
    sections = review.sections()
    folded = {
        heading: entries
        for heading, entries in sections.items()
        if heading != Topic.DATA
        and all(rank(entry.remark.severity) > rank(Severity.INTERRUPTION) for entry in entries)
    }
    for heading, entries in sections.items():
        if heading not in folded:
            yield from _section(heading, entries)
    changes = review.changes()
    if folded or changes:
        headings = [*(TITLES[heading] for heading in folded), *(["Resources"] if changes else [])]
        yield f"<details><summary>{', '.join(headings)}</summary>"
        yield ""
        for heading, entries in folded.items():
            yield from _section(heading, entries)
        yield from _table(changes)
        yield "</details>"
        yield ""


def _section(heading: Topic, entries: Sequence[Entry]) -> Iterator[str]:
    yield f"**{escaped(TITLES[heading])}**"
    yield ""
    for entry in entries:
        yield f"- {_said(entry.remark)}{_where(entry.place)}"
        if entry.followers:
            # Within the item, by its indentation; GitHub's Markdown needs the empty lines.
            yield ""
            yield f"  <details><summary>With it {entry.number}, and why</summary>"
            yield ""
            yield from (f"  - {_said(one)}{_where(place)}" for one, place in entry.followers)
            yield ""
            yield "  </details>"
            yield ""
    yield ""


def _said(finding: Finding) -> str:
    """Return what a finding says, with its subject and its details as code."""
    values = _values(*(worded(finding.details.get(side)) for side in ("before", "after")))
    return f"{sentence(finding, _value, escaped)}{values and ': '}{values}"


def _value(value: Value) -> str:
    return listed([_code(worded(item)) for item in (value if isinstance(value, list) else [value])])


def _where(place: str) -> str:
    return f" *({escaped(place)})*" if place else ""


def _values(before: str, after: str) -> str:
    if before and after:
        return f"{_code(before)} → {_code(after)}"
    return f"was {_code(before)}" if before else _code(after)


def _table(changes: Sequence[tuple[Change, str]]) -> Iterator[str]:
    rows = [row for change, place in changes for row in _rows(change, place)]
    yield from table(("Resource", "What", "Property", "Before", "After"), rows[:ROWS])
    if len(rows) > ROWS:
        yield f"And {len(rows) - ROWS} more: see `make review`."
        yield ""


def _rows(change: Change, place: str) -> Iterator[tuple[str, ...]]:
    first = code(change.logical_id), f"{word(change)}{_where(place)}"
    if not change.properties:
        yield (*first, code(change.resource_type), "", "")
    for part in change.properties:
        yield (*first, *_property(part))
        first = "", ""


def _property(part: PropertyChange) -> tuple[str, str, str]:
    if part.because_of:
        return code(part.name), f"{code(part.because_of)} {escaped(part.how)}", ""
    return code(part.name), _code(part.before), _code(part.after)


def _code(text: str) -> str:
    """Return a text as code, without its end where it is long."""
    return code(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
