"""The English sentences of a review, by the codes of its findings.

A wording is a format string, or a function from a finding to one. Its fields name the `subject` of
the finding or one of its `details`, such as `{subject}`, `{limit}` or `{grants[0][actions]}`. A
wording never contains a value itself, so that each renderer can show values in its own way. The
details `before` and `after` follow the sentence by themselves.
"""

import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.differences import common_start, format_value, one_line
from iot_pipeline_cfn.review.verdict import Counts, ResourceOutcome, Review, Scopes
from iot_pipeline_cfn.template.changes import PropertyChange
from iot_pipeline_cfn.template.findings import Finding, Value
from iot_pipeline_cfn.template.parameter_wording import PARAMETER_WORDINGS

from .access_wording import ACCESS_WORDINGS
from .update_wording import CAUSES, UPDATE_WORDINGS

TITLES: Final[Mapping[Topic, str]] = MappingProxyType(
    {
        Topic.CONDITIONAL: "With other parameters",
        Topic.NOT_ASSESSED: "Not assessed",
        Topic.REVISIONS: "New revisions",
        Topic.ORDER: "Order of operations",
        Topic.UNKNOWN: "Unknown effect",
    }
)
"""The headings of topics that are not the name of the topic."""


def title(topic: Topic) -> str:
    """Return the heading of a topic."""
    return TITLES.get(topic, topic.capitalize())


def outcome_text(outcome: ResourceOutcome) -> str:
    """Return the outcome of a resource in words."""
    return "possibly replaced" if outcome is ResourceOutcome.MAYBE_REPLACED else outcome.value


Wording = str | Callable[[Finding], str]

WORDINGS: Final[Mapping[str, Wording]] = MappingProxyType(
    {**UPDATE_WORDINGS, **ACCESS_WORDINGS, **PARAMETER_WORDINGS}
)


@dataclass(frozen=True)
class Style:
    """How a renderer shows text.

    Attributes:
        show: Shows a subject or a value, which is text already.
        escape: Shows the words between them.
        arrow: Stands between the values before and after a change.
        width: The number of characters of a value that are shown.

    """

    show: Callable[[str], str]
    escape: Callable[[str], str]
    arrow: str
    width: int = sys.maxsize

    def value(self, text: str) -> str:
        """Return a value as it is shown, shortened if it is long."""
        return self.show(shortened(text, self.width))


PLAIN: Final = Style(show=str, escape=str, arrow="->")


def shortened(text: str, width: int, start: int = 0) -> str:
    """Return a text of at most some characters, from a start on."""
    end = start + width
    return f"{'...' * bool(start)}{text[start:end]}{'...' * (len(text) > end)}"


def excerpts(before: str, after: str, width: int) -> tuple[str, str]:
    """Return two values, each shortened to the surroundings of their first difference."""
    if max(len(before), len(after)) <= width:
        return before, after
    start = max(common_start(before, after) - width // 4, 0)
    return shortened(before, width, start), shortened(after, width, start)


WITHOUT_VALUES: Final = frozenset({"traffic-closed", "traffic-opened"})
"""The codes of findings whose sentences say all about the change."""


def sentence(finding: Finding, style: Style) -> str:
    """Return a finding as a sentence, with the values before and after a change if it has them."""
    wording = WORDINGS[finding.code]
    text = wording if isinstance(wording, str) else wording(finding)
    if "where" in finding.details:
        text += ", where {where} holds"
    values = {**finding.details, "subject": finding.subject, "causes": list(finding.causes)}
    formatter = string.Formatter()
    said = "".join(
        style.escape(literal)
        + ("" if field is None else _shown(formatter.get_field(field, (), values)[0], style))
        for literal, field, _, _ in formatter.parse(text)
    )
    sides = (
        (None, None)
        if finding.code in WITHOUT_VALUES
        else (values.get("before"), values.get("after"))
    )
    change = _before_and_after(*sides, style)
    return f"{said}: {change}" if change else said


def _shown(value: Value, style: Style) -> str:
    """Return a value for a sentence: text and items in the renderer's way, numbers as they are."""
    if isinstance(value, list):
        return join([_shown(item, style) for item in value])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return style.value(format_value(value))


def _before_and_after(before: Value, after: Value, style: Style) -> str:
    """Return the values before and after a change; None is a value that does not exist."""
    old, new = shown_pair(before, after, style)
    if old and new:
        return f"{old} {style.arrow} {new}"
    return f"was {old}" if old else new


def shown_pair(before: Value, after: Value, style: Style) -> tuple[str, str]:
    """Return the values before and after a change as they are shown, nothing for None."""
    was, is_now = (
        "" if value is None else one_line(value_text(value)) for value in (before, after)
    )
    old, new = excerpts(was, is_now, style.width)
    return old and style.show(old), new and style.show(new)


def value_text(value: Value) -> str:
    """Return a value as text, which is visible even if the value is empty."""
    return format_value(value) or ("none" if isinstance(value, list) else "''")


def consequence(part: PropertyChange, style: Style) -> str:
    """Return the change of a property that follows from another resource."""
    cause = style.escape(CAUSES[part.cause_replacement])
    return f"{style.show(part.because_of)} {cause}"


def join(items: Sequence[str]) -> str:
    """Return items as an enumeration: `a, b and c`."""
    *first, last = items or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def scopes_text(scopes: Scopes) -> str:
    """Return environments as text; nothing if environment types have no names."""
    every, new = (
        [scope.environment_type for scope in scopes if scope.only_new is only_new]
        for only_new in (False, True)
    )
    words = [join(every)] if any(every) else []
    if new:
        words.append(f"new {join(new)} environments" if any(new) else "new environments")
    return " and ".join(words)


def counts_text(counts: Counts) -> str:
    """Return the numbers of resources with each outcome as text."""
    numbers = [f"{number} {outcome_text(outcome)}" for outcome, number in counts]
    return ", ".join(numbers) or "no resource changes"


def count_lines(review: Review) -> Iterator[str]:
    """Yield the numbers of resources with each outcome by the environments, if these have names."""
    for scopes, counts in review.counts():
        if where := scopes_text(scopes):
            yield f"{where}: {counts_text(counts)}"
    if review.groups and review.unaffected:
        yield f"{join(review.unaffected)}: unchanged"


def more_text(numbers: tuple[int, int]) -> str:
    """Return how many findings follow from another one."""
    least, most = numbers
    return f"{most if least == most else f'{least} to {most}'} more"
