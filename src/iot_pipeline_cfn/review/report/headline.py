"""The headline of a review as English text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.statements import HeadlineCode, Statement, find_statements
from iot_pipeline_cfn.review.verdict import Review

from .wording import PLAIN, counts_text, join, scopes_text, sentence

LISTED: Final = 3
"""The number of names that a statement lists."""

STATEMENTS: Final[Mapping[HeadlineCode, str]] = MappingProxyType(
    {
        HeadlineCode.DATA_LOSS: "Data can be lost",
        HeadlineCode.EXPOSURE: "Access widens",
        HeadlineCode.REPLACEMENT: "Resources are replaced",
        HeadlineCode.INTERRUPTION: "Interruptions are possible",
        HeadlineCode.REJECTION: "AWS rejects this",
        HeadlineCode.LESS_PROTECTION: "Data is less protected",
        HeadlineCode.OUTPUTS_REMOVED: "Outputs are removed",
        HeadlineCode.ENVIRONMENT_ADDED: "New",
        HeadlineCode.HARMLESS: "Nothing is lost or replaced",
        HeadlineCode.NEW_DIFFERS: "Resources differ",
        HeadlineCode.NO_RESOURCE_CHANGE: "No resource changes",
    }
)


def headline_text(review: Review) -> str:
    """Return the headline of a review."""
    return " ".join(f"{statement_text(statement)}." for statement in find_statements(review))


def statement_text(statement: Statement) -> str:
    """Return a statement as a sentence without its full stop."""
    match statement.code:
        case HeadlineCode.NO_CHANGE:
            return "Nothing changes"
        case HeadlineCode.NO_EFFECT:
            return "No effect on any environment: only formatting, descriptions or metadata differ"
    where = scopes_text(statement.scopes)
    where = where and f" in {where}"
    if statement.is_everywhere:
        where = " anywhere" if statement.code is HeadlineCode.HARMLESS else " everywhere"
    what = _what(statement)
    return f"{STATEMENTS[statement.code]}{where}{what and ': '}{what}"


def _what(statement: Statement) -> str:
    if statement.code is HeadlineCode.ENVIRONMENT_ADDED:
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
