"""A review as Markdown, for a comment on a pull request."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.verdict import Effect, Entry, Review, Scopes
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Severity

from .headline import statement_lines
from .tables import SPECIAL, code, escaped, table
from .wording import (
    Style,
    consequence,
    count_lines,
    more_text,
    outcome_text,
    scopes_text,
    sentence,
    shown_pair,
    title,
)

SHOWN: Final = 100
"""The number of characters of a value that are shown."""

ALERTS: Final = MappingProxyType(
    {
        Severity.DATA_LOSS: "CAUTION",
        Severity.EXPOSURE: "CAUTION",
        Severity.ERROR: "CAUTION",
        Severity.REPLACEMENT: "WARNING",
        Severity.INTERRUPTION: "WARNING",
        Severity.WARNING: "WARNING",
    }
)
"""GitHub's alerts, which have a color, for the severities to look at.

https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#alerts
"""

ROWS: Final = 150
"""The number of rows of a table: GitHub's limit for a comment is 65,536 characters."""


def markdown(reviews: Sequence[Review]) -> str:
    """Return reviews as one document of GitHub's Markdown."""
    return "\n".join(line for review in reviews for line in _review(review))


def _review(review: Review) -> Iterator[str]:
    severity = f": {review.worst}" if review.worst else ""
    yield from (f"### Review of {code(review.template)}{severity}", "")
    first, *more = map(escaped, statement_lines(review))
    yield f"> [!{ALERTS.get(review.worst or Severity.NOTE, 'NOTE')}]"
    yield from (f"> **{first}**", *(f"> - {line}" for line in more), "")
    if counts := [f"- {escaped(line)}" for line in count_lines(review)]:
        yield from (*counts, "")
    folded: dict[str, list[str]] = {}
    for topic, entries in review.sections().items():
        section = [*_section(topic, entries)]
        if _is_urgent(topic, entries):
            yield from section
        else:
            folded[title(topic)] = section
    if effects := review.effects():
        folded["Resources"] = [*_table(effects)]
    if folded:
        yield from (f"<details><summary>{', '.join(folded)}</summary>", "")
        yield from (line for section in folded.values() for line in section)
        yield from ("</details>", "")


def _label(severity: Severity) -> str:
    """Return a severity as it stands before what it is about, if it is one to look at."""
    return f"**{severity}** " if severity in ALERTS else ""


SHOWN_CODES: Final = frozenset(
    {"monthly-cost-decreased", "monthly-cost-increased", "not-priced", "output-removed"}
)


def _is_urgent(topic: Topic, entries: Sequence[Entry]) -> bool:
    """Return whether a section is shown without a click."""
    return topic is Topic.DATA or any(
        entry.finding.severity in ALERTS or entry.finding.code in SHOWN_CODES for entry in entries
    )


def _section(topic: Topic, entries: Sequence[Entry]) -> Iterator[str]:
    yield from (f"**{title(topic)}**", "")
    for entry in entries:
        label = _label(entry.finding.severity)
        yield f"- {label}{sentence(entry.finding, STYLE)}{_where(entry.scopes)}"
        if entry.followers:
            # Indented, it belongs to the item; GitHub's Markdown needs the empty lines.
            more = more_text(entry.follower_counts)
            yield from ("", f"  <details><summary>And {more}</summary>", "")
            for one in entry.followers:
                yield f"  - {sentence(one.finding, STYLE)}{_where(one.scopes)}"
            yield from ("", "  </details>", "")
    yield ""


def _table(effects: Sequence[tuple[Effect, Scopes]]) -> Iterator[str]:
    rows = [row for effect, scopes in effects for row in _rows(effect, scopes)]
    yield from table(("Resource", "What", "Property", "Before", "After"), rows[:ROWS])
    if len(rows) > ROWS:
        yield from (f"And {len(rows) - ROWS} more: see `make review`.", "")


def _rows(effect: Effect, scopes: Scopes) -> Iterator[tuple[str, ...]]:
    change = effect.change
    first = code(change.logical_id), f"{outcome_text(effect.outcome)}{_where(scopes)}"
    if not change.properties:
        yield (*first, code(change.resource_type), "", "")
    for part in change.properties:
        yield (*first, *_property(part))
        first = "", ""


def _property(part: PropertyChange) -> tuple[str, str, str]:
    if part.because_of:
        return code(part.path), consequence(part, STYLE), ""
    return code(part.path), *shown_pair(part.before, part.after, STYLE)


def _where(scopes: Scopes) -> str:
    text = scopes_text(scopes)
    return f" *({escaped(text)})*" if text else ""


def _words(text: str) -> str:
    """Return the words of a sentence as Markdown, with the spaces around them."""
    return SPECIAL.sub(r"\\\g<0>", text)


STYLE: Final = Style(show=code, escape=_words, arrow="→", width=SHOWN)
