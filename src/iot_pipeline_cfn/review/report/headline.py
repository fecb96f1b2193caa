"""The headline of a review as English text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.statements import Statement, find_statements
from iot_pipeline_cfn.review.verdict import Review

from .wording import PLAIN, counts_text, join, scopes_text, sentence

LISTED: Final = 3
"""The number of names that a statement lists."""

STATEMENT_WORDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data-loss": "Data can be lost",
        "exposure": "Access widens",
        "replacement": "Resources are replaced",
        "interruption": "Interruptions are possible",
        "rejection": "AWS rejects this",
        "less-protection": "Data is less protected",
        "outputs-removed": "Outputs are removed",
        "environment-added": "New",
        "harmless": "Nothing is lost or replaced",
        "new-differs": "Resources differ",
        "no-resource-change": "No resource changes",
        "no-effect": (
            "No effect on any environment: only formatting, descriptions or metadata differ"
        ),
        "no-change": "Nothing changes",
    }
)


def headline_text(review: Review) -> str:
    """Return the headline of a review."""
    return " ".join(f"{statement_text(statement)}." for statement in find_statements(review))


def statement_text(statement: Statement) -> str:
    """Return a statement as a sentence without its full stop."""
    where = scopes_text(statement.scopes)
    where = where and f" in {where}"
    if statement.is_everywhere:
        where = " anywhere" if statement.code == "harmless" else " everywhere"
    what = _what(statement)
    return f"{STATEMENT_WORDINGS[statement.code]}{where}{what and ': '}{what}"


def _what(statement: Statement) -> str:
    if statement.code == "environment-added":
        return f"{sum(dict(statement.counts).values())} resources"
    if statement.counts:
        return counts_text(statement.counts)
    if statement.finding:
        return sentence(statement.finding, PLAIN)
    text = _shortened(statement.subjects)
    if statement.causes:
        text += f", because of {_shortened(statement.causes)}"
    return f"{text}, and what follows" if statement.has_followers else text


def _shortened(names: Sequence[str]) -> str:
    if len(names) <= LISTED + 1:
        return join(names)
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
