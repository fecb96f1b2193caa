"""A review as text for terminals and logs."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.differences import one_line
from iot_pipeline_cfn.review.verdict import Effect, Entry, Review, Scopes
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Severity

from .headline import statement_lines
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

COLORS: Final = MappingProxyType(
    {
        Severity.ERROR: "bold red",
        Severity.DATA_LOSS: "bold red",
        Severity.EXPOSURE: "bold red",
        Severity.REPLACEMENT: "yellow",
        Severity.INTERRUPTION: "yellow",
        Severity.WARNING: "yellow",
    }
)

SHOWN: Final = 200
"""The number of characters of a value that are shown."""

Line = tuple[str, str]
"""A line and its rich style."""


def lines(reviews: Sequence[Review]) -> Iterator[Line]:
    """Yield the lines of reviews."""
    for review in reviews:
        first, *more = statement_lines(review)
        yield f"{review.template}: {_label(review.worst)}{first}", "bold"
        yield from ((f"  {line}", "bold") for line in more)
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
    severity = entry.finding.severity
    yield f"  {_label(severity)}{text}", COLORS.get(severity, "")
    if entry.followers:
        followers = entry.followers
        names = dict.fromkeys(one.finding.subject + _where(one.scopes) for one in followers)
        yield f"    and {more_text(entry.follower_counts)}: {', '.join(names)}", "dim"


def _label(severity: Severity | None) -> str:
    """Return a severity as it stands before what it is about, if it is one to look at."""
    return f"[{severity}] " if severity in COLORS else ""


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
    old, new = shown_pair(part.before, part.after, STYLE)
    return f"{part.path}: {old or '-'} -> {new or '-'}"


def _where(scopes: Scopes) -> str:
    text = scopes_text(scopes)
    return f" [{text}]" if text else ""


STYLE: Final = Style(show=one_line, escape=str, arrow="->", width=SHOWN)
