"""The English sentences of a review, by the codes of its findings.

A wording is a format string, or a function from a finding to one. Its fields name the `subject` of
the finding or one of its `details`, such as `{subject}`, `{limit}` or `{grants[0][actions]}`. A
wording never contains a value itself, so that each renderer can show values in its own way. The
details `before` and `after` follow the sentence by themselves.
"""

import re
import string
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.remarks import REMARK
from iot_pipeline_cfn.template.findings import Finding, Value
from iot_pipeline_cfn.template.parameter_wording import PARAMETER_WORDINGS

from .access_wording import ACCESS_WORDINGS

Wording = str | Callable[[Finding], str]

TITLES: Final[Mapping[Topic, str]] = MappingProxyType(
    {
        Topic.NEW: "New",
        Topic.DATA: "Data",
        Topic.REFUSED: "Refused",
        Topic.REPLACED: "Replaced",
        Topic.REVISIONS: "New revisions",
        Topic.INTERRUPTED: "Interrupted",
        Topic.TRAFFIC: "Traffic",
        Topic.PERMISSIONS: "Permissions",
        Topic.EXPOSURE: "Surface",
        Topic.QUOTAS: "Quotas",
        Topic.COST: "Cost",
        Topic.OUTPUTS: "Outputs",
        Topic.PARAMETERS: "Parameters",
        Topic.STACK: "Stack",
        Topic.ORDER: "Order of operations",
        Topic.UNKNOWN: "Cannot be told",
    }
)
"""The headings of a report."""

WORDINGS: Final[Mapping[str, Wording]] = MappingProxyType({**ACCESS_WORDINGS, **PARAMETER_WORDINGS})


def sentence(
    finding: Finding, show: Callable[[Value], str], escape: Callable[[str], str] = str
) -> str:
    """Return what a finding says, without the values before and after.

    Args:
        finding: The finding.
        show: How the renderer shows a subject or a detail: text, a number or a list of these.
        escape: How it shows the words between them.

    """
    if finding.code == REMARK:
        return _remark(finding, show, escape)
    wording = WORDINGS[finding.code]
    text = wording if isinstance(wording, str) else wording(finding)
    values = {**finding.details, "subject": finding.subject}
    formatter = string.Formatter()
    return "".join(
        escape(literal) + ("" if field is None else show(formatter.get_field(field, (), values)[0]))
        for literal, field, _, _ in formatter.parse(text)
    )


def _remark(finding: Finding, show: Callable[[Value], str], escape: Callable[[str], str]) -> str:
    """Return the sentence that a finding brings along: a bridge."""
    subject = re.compile(rf"(?<!\w){re.escape(escape(finding.subject))}(?!\w)")
    return subject.sub(lambda _: show(finding.subject), escape(finding.details["message"]), count=1)
