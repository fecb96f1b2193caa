"""A review as Markdown, for a comment on a pull request."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .remarks import Remark, Severity
from .resources import Change, PropertyChange
from .verdict import Group, Review, Section, Verdict, rank, word

SHOWN: Final = 100
"""So many characters of a value are shown."""

ROWS: Final = 150
"""So many rows a table has: GitHub takes a comment of up to 65,536 characters."""

SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#|~])")


def markdown(reviews: Sequence[Review]) -> str:
    """Return reviews as one document of GitHub's Markdown."""
    return "\n".join(line for review in reviews for line in _review(review))


def _review(review: Review) -> Iterator[str]:
    yield f"### Review of {code(review.template)}"
    yield ""
    yield f"**{escaped(review.headline)}**"
    yield ""
    for group in review.groups:
        yield from _group(group)
    if review.general.sections:
        yield "#### Whatever the environment"
        yield ""
        for section in review.general.sections:
            yield from _section(section)


def _group(group: Group) -> Iterator[str]:
    if group.name:
        yield f"#### {escaped(group.name)}"
        yield ""
    sections = group.verdict.sections
    important = [one for one in sections if rank(one.worst) <= rank(Severity.INTERRUPTION)]
    for section in important:
        yield from _section(section)
    others = [one for one in sections if one not in important]
    if others or group.verdict.changes:
        yield from _folded(group.verdict, others)


def _folded(verdict: Verdict, sections: Sequence[Section]) -> Iterator[str]:
    summary = verdict.counts() or "no resource changes"
    yield f"<details><summary>In detail: {escaped(summary)}</summary>"
    yield ""
    for section in sections:
        yield from _section(section)
    if verdict.changes:
        yield from _table(verdict.changes)
    yield "</details>"
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield f"**{escaped(section.heading)}**"
    yield ""
    yield from map(_remark, section.remarks)
    yield ""


def _remark(remark: Remark) -> str:
    values = _values(remark.before, remark.after)
    return f"- {code(remark.subject)} {escaped(remark.message)}{values and ': '}{values}"


def _values(before: str, after: str) -> str:
    if not (before or after):
        return ""
    return f"{code(before)} → {code(after)}"


def _table(changes: Sequence[Change]) -> Iterator[str]:
    yield "| Resource | Type | What | Property | Before | After |"
    yield "| --- | --- | --- | --- | --- | --- |"
    rows = [row for change in changes for row in _rows(change)]
    yield from rows[:ROWS]
    yield ""
    if len(rows) > ROWS:
        yield f"And {len(rows) - ROWS} more: see `make review`."
        yield ""


def _rows(change: Change) -> Iterator[str]:
    first = [code(change.logical_id), code(change.resource_type), word(change)]
    for part in change.properties or (None,):
        cells = [*first, *(_property(part) if part else ("", "", ""))]
        yield f"| {' | '.join(cells)} |"
        first = ["", "", ""]


def _property(part: PropertyChange) -> tuple[str, str, str]:
    if part.because_of:
        return code(part.name), f"{code(part.because_of)} {escaped(part.how)}", ""
    return code(part.name), code(part.before), code(part.after)


def escaped(text: str) -> str:
    """Return a text so that Markdown shows it as it is, and GitHub notifies nobody."""
    plain = SPECIAL.sub(r"\\\1", _line(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")


def code(text: str) -> str:
    """Return a text as code, also within a table; nothing for nothing."""
    if not text:
        return ""
    line = _line(text)
    if len(line) > SHOWN:
        line = f"{line[:SHOWN]}…"
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest or line != line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(text.split())
