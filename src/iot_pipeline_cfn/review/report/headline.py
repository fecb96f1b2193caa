"""The headline of a review as English text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.statements import Statement, find_statements
from iot_pipeline_cfn.review.verdict import Review

from .wording import PLAIN, counts_text, join, scopes_text, sentence

SAID: Final = frozenset(
    {"exposure", "less-protection", "no-resource-change", "possible-exposure", "warning"}
)
SAID_LENGTH: Final = 160
"""Statements that say what happens to their subjects, if that is short."""

WIDTH: Final = 60
"""The number of characters of a value that are shown."""

LISTED: Final = 3
"""The number of names that a statement lists."""

STATEMENT_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data-loss": "Data is lost",
        "exposure": "Access widens",
        "rejection": "AWS rejects this",
        "replacement": "Resources are replaced",
        "removal": "Resources are removed",
        "interruption": "Interruptions are possible",
        "possible-data-loss": "Data may be lost",
        "possible-exposure": "Access may widen",
        "possible-replacement": "Resources may be replaced",
        "less-protection": "Data is less protected",
        "warning": "Warning",
        "outputs-removed": "Outputs are removed",
        "conditional": "More changes with other parameters",
        "unknown": "The effect is not known",
        "not-assessed": "Not assessed",
        "not-priced": "Not priced",
        "environment-added": "New",
        "harmless": "Nothing is lost, replaced, removed or exposed",
        "changes": "Not all effects are known",
        "new-differs": "Resources differ",
        "no-resource-change": "No resource changes",
        "no-effect": (
            "No effect on any environment: only formatting, descriptions or metadata differ"
        ),
        "no-change": "Nothing changes",
    }
)


def headline_text(review: Review) -> str:
    """Return the headline of a review, one sentence for each statement."""
    return " ".join(statement_lines(review))


def statement_lines(review: Review) -> list[str]:
    """Return the statements of the headline as sentences, the most severe first."""
    return [f"{statement_text(statement)}." for statement in find_statements(review)]


def statement_text(statement: Statement) -> str:
    """Return a statement as a sentence without its full stop."""
    where = scopes_text(statement.scopes)
    where = where and f" in {where}"
    if statement.is_everywhere:
        where = " anywhere" if statement.code == "harmless" else " everywhere"
    if statement.code == "conditional":
        where = f"{where} ({statement.severity})"
    what = _what(statement)
    return f"{STATEMENT_WORDINGS[statement.code]}{where}{what and ': '}{what}"


def _what(statement: Statement) -> str:
    if statement.code == "environment-added":
        return f"{sum(dict(statement.counts).values())} resources"
    if statement.counts:
        return counts_text(statement.counts)
    if statement.code in SAID:
        style = replace(PLAIN, width=WIDTH)
        said = "; ".join(sentence(finding, style) for finding in statement.findings)
        if said and len(said) <= SAID_LENGTH:
            return said
    text = _shortened(statement.subjects)
    if statement.causes:
        text += f", because of {_shortened(statement.causes)}"
    return f"{text}, and {statement.followers} that follow" if statement.followers else text


def _shortened(names: Sequence[str]) -> str:
    if len(names) <= LISTED + 1:
        return join(names)
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
