"""A review as Markdown, for a comment on a pull request."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .remarks import Remark, Severity
from .resources import Change, PropertyChange
from .values import one_line
from .verdict import Review, rank, word

SHOWN: Final = 100
"""So many characters of a value are shown."""

ROWS: Final = 150
"""So many rows a table has: GitHub takes a comment of up to 65,536 characters."""

SPECIAL: Final = re.compile(r"([\\`*_\[\]#|~])")


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
        heading: remarks
        for heading, remarks in sections.items()
        if all(rank(remark.severity) > rank(Severity.INTERRUPTION) for remark, _ in remarks)
    }
    for heading, remarks in sections.items():
        if heading not in folded:
            yield from _section(heading, remarks)
    changes = review.changes()
    if folded or changes:
        headings = [*folded, *(["Resources"] if changes else [])]
        yield f"<details><summary>{', '.join(headings)}</summary>"
        yield ""
        for heading, remarks in folded.items():
            yield from _section(heading, remarks)
        yield from _table(changes)
        yield "</details>"
        yield ""


def _section(heading: str, remarks: Sequence[tuple[Remark, str]]) -> Iterator[str]:
    yield f"**{escaped(heading)}**"
    yield ""
    for remark, place in remarks:
        values = _values(remark.before, remark.after)
        said = f"{code(remark.subject)} {escaped(remark.message)}{values and ': '}{values}"
        yield f"- {said}{_where(place)}"
    yield ""


def _where(place: str) -> str:
    return f" *({escaped(place)})*" if place else ""


def _values(before: str, after: str) -> str:
    if before and after:
        return f"{code(before)} → {code(after)}"
    return f"was {code(before)}" if before else code(after)


def _table(changes: Sequence[tuple[Change, str]]) -> Iterator[str]:
    if not changes:
        return
    yield "| Resource | What | Property | Before | After |"
    yield "| --- | --- | --- | --- | --- |"
    rows = [row for change, place in changes for row in _rows(change, place)]
    yield from rows[:ROWS]
    yield ""
    if len(rows) > ROWS:
        yield f"And {len(rows) - ROWS} more: see `make review`."
        yield ""


def _rows(change: Change, place: str) -> Iterator[str]:
    first = [code(change.logical_id), f"{word(change)}{_where(place)}"]
    for part in change.properties or (None,):
        cells = [*first, *(_property(part) if part else (code(change.resource_type), "", ""))]
        yield f"| {' | '.join(cells)} |"
        first = ["", ""]


def _property(part: PropertyChange) -> tuple[str, str, str]:
    if part.because_of:
        return code(part.name), f"{code(part.because_of)} {escaped(part.how)}", ""
    return code(part.name), code(part.before), code(part.after)


def escaped(text: str) -> str:
    """Return a text so that Markdown shows it as it is, and GitHub notifies nobody."""
    plain = SPECIAL.sub(r"\\\1", one_line(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")


def code(text: str) -> str:
    """Return a text as code, also within a table; nothing for nothing."""
    if not text:
        return ""
    line = one_line(text)
    if len(line) > SHOWN:
        line = f"{line[:SHOWN]}…"
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest or line != line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")
