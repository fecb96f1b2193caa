"""A review as text for terminals and logs."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.differences import one_line
from iot_pipeline_cfn.review.verdict import Effect, Entry, Review, Scopes
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Severity, Value

from .headline import headline_text
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

COLORS: Final = MappingProxyType(
    {
        Severity.ERROR: "bold red",
        Severity.DATA_LOSS: "bold red",
        Severity.EXPOSURE: "bold red",
        Severity.REPLACEMENT: "yellow",
        Severity.INTERRUPTION: "yellow",
    }
)

SHOWN: Final = 200
"""The number of characters of a value that are shown."""

Line = tuple[str, str]
"""A line and its rich style."""


def lines(reviews: Sequence[Review]) -> Iterator[Line]:
    """Yield the lines of reviews."""
    for review in reviews:
        yield f"{review.template}: {headline_text(review)}", "bold"
        yield from ((f"  {line}", "") for line in count_lines(review))
        for topic, entries in review.sections().items():
            yield from (("", ""), (title(topic), "bold"))
            for entry in entries:
                yield from _entry(entry)
        effects = review.effects()
        if effects:
            yield from (("", ""), ("Resources", "bold"))
        for effect, scopes in effects:
            yield from _effect(effect, scopes)


def _entry(entry: Entry) -> Iterator[Line]:
    """Yield a finding, and in one line the resources that follow."""
    text = one_line(f"{sentence(entry.finding, STYLE)}{_where(entry.scopes)}")
    yield f"  {text}", COLORS.get(entry.finding.severity, "")
    if entry.followers:
        followers = entry.followers
        names = dict.fromkeys(one.finding.subject + _where(one.scopes) for one in followers)
        yield f"    and {more_text(entry.follower_counts)}: {', '.join(names)}", "dim"


def _effect(effect: Effect, scopes: Scopes) -> Iterator[Line]:
    change, outcome = effect.change, outcome_text(effect.outcome)
    text = f"  {change.logical_id} ({change.resource_type}) {outcome}{_where(scopes)}"
    if change.is_consequence:
        yield f"{text}: {'; '.join(map(_property, change.properties))}", "dim"
        return
    yield text, ""
    for part in change.properties:
        yield f"    {_property(part)}", "dim"


def _property(part: PropertyChange) -> str:
    if part.because_of:
        return f"{consequence(part, STYLE)}: {part.path}"
    return f"{part.path}: {_value(part.before)} -> {_value(part.after)}"


def _value(value: Value) -> str:
    return "-" if value is None else _shown(value_text(value))


def _where(scopes: Scopes) -> str:
    text = scopes_text(scopes)
    return f" [{text}]" if text else ""


def _shown(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


STYLE: Final = Style(show=_shown, escape=str, arrow="->")
