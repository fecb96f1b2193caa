"""A review as Markdown, for a comment on a pull request."""

from collections.abc import Iterator, Sequence
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.verdict import Effect, Entry, Review, Scopes
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Severity, Value

from .headline import headline_text
from .tables import SPECIAL, code, escaped, table
from .wording import (
    Style,
    consequence,
    count_lines,
    more_text,
    outcome_text,
    scopes_text,
    sentence,
    title,
    value_text,
)

SHOWN: Final = 100
"""The number of characters of a value that are shown."""

ROWS: Final = 150
"""The number of rows of a table: GitHub's limit for a comment is 65,536 characters."""


def markdown(reviews: Sequence[Review]) -> str:
    """Return reviews as one document of GitHub's Markdown."""
    return "\n".join(line for review in reviews for line in _review(review))


def _review(review: Review) -> Iterator[str]:
    yield from (f"### Review of {code(review.template)}", "")
    yield from (f"**{escaped(headline_text(review))}**", "")
    yield from (*(f"- {escaped(line)}" for line in count_lines(review)), "")
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


def _is_urgent(topic: Topic, entries: Sequence[Entry]) -> bool:
    """Return whether a section is shown without a click."""
    worst = min(entry.finding.severity.rank for entry in entries)
    return topic is Topic.DATA or worst <= Severity.INTERRUPTION.rank


def _section(topic: Topic, entries: Sequence[Entry]) -> Iterator[str]:
    yield from (f"**{title(topic)}**", "")
    for entry in entries:
        yield f"- {sentence(entry.finding, STYLE)}{_where(entry.scopes)}"
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
    return code(part.path), _value(part.before), _value(part.after)


def _value(value: Value) -> str:
    return "" if value is None else _code(value_text(value))


def _where(scopes: Scopes) -> str:
    text = scopes_text(scopes)
    return f" *({escaped(text)})*" if text else ""


def _code(text: str) -> str:
    """Return text as code, shortened if it is long."""
    return code(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def _words(text: str) -> str:
    """Return the words of a sentence as Markdown, with the spaces around them."""
    return SPECIAL.sub(r"\\\g<0>", text)


STYLE: Final = Style(show=_code, escape=_words, arrow="→")
