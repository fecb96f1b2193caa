"""The English sentences of a review, by the codes of its findings.

A wording is a format string, or a function from a finding to one. Its fields name the `subject` of
the finding or one of its `details`, such as `{subject}`, `{limit}` or `{grants[0][actions]}`. A
wording never contains a value itself, so that each renderer can show values in its own way. The
details `before` and `after` follow the sentence by themselves.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.differences import format_value
from iot_pipeline_cfn.review.remarks import REMARK
from iot_pipeline_cfn.review.verdict import Outcome, Places
from iot_pipeline_cfn.template.changes import PropertyChange, Replacement
from iot_pipeline_cfn.template.findings import Finding, Value
from iot_pipeline_cfn.template.parameter_wording import PARAMETER_WORDINGS
from iot_pipeline_cfn.template.stateful import DataOutcome

from .access_wording import ACCESS_WORDINGS

TITLES: Final[Mapping[Topic, str]] = MappingProxyType(
    {
        Topic.NEW: "New",
        Topic.DATA: "Data",
        Topic.REJECTED: "Rejected",
        Topic.REPLACED: "Replaced",
        Topic.REVISIONS: "New revisions",
        Topic.INTERRUPTED: "Interrupted",
        Topic.TRAFFIC: "Traffic",
        Topic.PERMISSIONS: "Permissions",
        Topic.EXPOSURE: "Exposure",
        Topic.QUOTAS: "Quotas",
        Topic.COST: "Cost",
        Topic.OUTPUTS: "Outputs",
        Topic.PARAMETERS: "Parameters",
        Topic.STACK: "Stack",
        Topic.ORDER: "Order of operations",
        Topic.UNKNOWN: "Unknown effect",
    }
)
"""The headings of a report."""

OUTCOMES: Final[Mapping[Outcome, str]] = MappingProxyType(
    {
        Outcome.REMOVED: "removed",
        Outcome.REPLACED: "replaced",
        Outcome.MAYBE_REPLACED: "possibly replaced",
        Outcome.REVISED: "revised",
        Outcome.CHANGED: "changed",
        Outcome.ADDED: "added",
        Outcome.SUPERSEDED: "superseded",
    }
)

CAUSES: Final[Mapping[Replacement, str]] = MappingProxyType(
    {
        Replacement.NO: "changes",
        Replacement.MAYBE: "may be replaced",
        Replacement.YES: "is replaced",
    }
)
"""What happens to a resource that others refer to."""

DATA_OUTCOMES: Final[Mapping[DataOutcome, str]] = MappingProxyType(
    {
        DataOutcome.LOST: "is lost",
        DataOutcome.RETAINED: "is retained outside the stack",
        DataOutcome.SNAPSHOT: "is kept in a snapshot",
    }
)
"""What happens to the data of a resource."""

DATA: Final[Mapping[str, str]] = MappingProxyType({"log-events": "log events"})
"""Kinds of data that are not called by their code."""


def _reasons(finding: Finding) -> str:
    """Return the wording of the properties that decide about a change."""
    reasons = [
        f"{{because[{index}][because_of]}} {CAUSES[part['cause_replacement']]}: "
        f"{{because[{index}][path]}}"
        if part["because_of"]
        else f"{{because[{index}][path]}} changes"
        for index, part in enumerate(finding.details["because"])
    ]
    return " and ".join(reasons)


def _replaced(finding: Finding) -> str:
    return f"{{subject}} {CAUSES[finding.details['replacement']]} because {_reasons(finding)}"


def _revised(finding: Finding) -> str:
    verb = "may get" if finding.details["replacement"] == Replacement.MAYBE else "gets"
    return f"{{subject}} {verb} a new revision because {_reasons(finding)}"


def _interrupted(finding: Finding) -> str:
    return f"{{subject}} may be interrupted because {_reasons(finding)}"


def _data_lost(finding: Finding) -> str:
    what = (
        "is removed"
        if finding.code == "data-removed"
        else f"{CAUSES[finding.details['replacement']]} by an empty resource"
    )
    outcome = DATA_OUTCOMES[finding.details["data_outcome"]]
    return f"{{subject}} {what}, and its data {outcome} ({{attribute}}: {{policy}})"


def _retention_reduced(finding: Finding) -> str:
    data = finding.details["data"]
    return f"{{property}} of {{subject}} is reduced, which deletes older {DATA.get(data, data)}"


def _data_policy_weakened(finding: Finding) -> str:
    event = "removed" if finding.details["attribute"] == "DeletionPolicy" else "replaced"
    outcome = DATA_OUTCOMES[finding.details["data_outcome"]]
    return f"the {{attribute}} of {{subject}} is weaker: its data {outcome} if it is {event}"


def _replacement_name_taken(finding: Finding) -> str:
    article = "the" if finding.details["replacement"] == Replacement.YES else "a"
    return f"{{subject}}: {article} replacement will fail, because it keeps the name {{name}}"


def _rename_name_taken(finding: Finding) -> str:
    taken = "the name {name}" if finding.details["name"] else "its identity"
    return f"{{new_logical_id}} will fail, because {taken} is taken until {{subject}} is deleted"


def _stack_policy_denial(finding: Finding) -> str:
    is_possible = finding.details["replacement"] == Replacement.MAYBE
    condition = ", if it is replaced" if is_possible else ""
    return f"{{subject}}: the stack policy denies {{action}}{condition}"


def _outputs_follow(finding: Finding) -> str:
    verb = "may change" if finding.details["replacement"] == Replacement.MAYBE else "change"
    return f"the values of {{outputs}} {verb} with {{causes}}"


def _allowed_values_changed(finding: Finding) -> str:
    parts = [key for key in ("removed", "added") if finding.details[key]]
    return "AllowedValues of {subject}: " + ", ".join(f"{key} {{{key}}}" for key in parts)


Wording = str | Callable[[Finding], str]

WORDINGS: Final[Mapping[str, Wording]] = MappingProxyType(
    {
        **ACCESS_WORDINGS,
        **PARAMETER_WORDINGS,
        # Data
        "data-removed": _data_lost,
        "data-replaced": _data_lost,
        "retention-reduced": _retention_reduced,
        "data-policy-weakened": _data_policy_weakened,
        "deletion-protection-removed": "{subject} loses its deletion protection",
        # Rejected
        "type-changed": (
            "{subject} changes its resource type, which CloudFormation rejects; use a new "
            "logical ID"
        ),
        "replacement-name-taken": _replacement_name_taken,
        "rename-name-taken": _rename_name_taken,
        "stack-policy-denial": _stack_policy_denial,
        "bound-to-vpc": (
            "{subject} cannot move to another VPC with {subnets}; use a new logical ID"
        ),
        "subnet-outside-vpc": "{subject}: {cidr_block} is not within {vpc_cidr_block} of {vpc}",
        "engine-downgrade": "{subject}: RDS rejects a downgrade of EngineVersion",
        "major-upgrade-not-allowed": (
            "{subject}: a new major EngineVersion needs AllowMajorVersionUpgrade"
        ),
        "parameter-group-family": (
            "{subject} needs a parameter group of family {needed}; its group has {family}"
        ),
        # Replaced, revised, interrupted
        "replaced": _replaced,
        "renamed": (
            "{subject} is renamed to {new_logical_id}: {new_logical_id} is created, then {subject} "
            "is deleted"
        ),
        "revised": _revised,
        "new-revision": "{subject} is a new revision of {previous_logical_id}",
        "interrupted": _interrupted,
        # Outputs and parameters
        "export-changed": (
            "the export of {subject} changes, which CloudFormation rejects while a stack imports it"
        ),
        "output-removed": "{subject} is removed; readers of this output fail",
        "output-added": "{subject} is a new output",
        "output-changed": "{subject} gets a new value",
        "outputs-follow": _outputs_follow,
        "parameter-removed": "{subject} is removed; values for it are rejected",
        "parameter-added": "{subject} is a new parameter with a default",
        "required-parameter-added": "{subject} is a new parameter without a default",
        "default-changed": "{subject} has a new default, for new stacks only",
        "default-removed": "{subject} has no default any more, so new stacks need a value",
        "allowed-values-changed": _allowed_values_changed,
        "parameter-rule-changed": "{rule} of {subject} changes",
        "rules-changed": "the rules about combinations of parameters change",
        # Stack
        "tags-changed": "the stack's tags change, and with them all resources that take tags",
        "stack-policy-changed": "the stack policy changes",
        "bucket-changed": "the bucket for templates changes",
        "environment-type-added": "{subject} is new: {resources} resources",
        "environment-type-removed": (
            "{subject} is removed; existing stacks are unaffected, new deployments are no longer "
            "possible"
        ),
        "order-changed": "{subject} waits for other resources, which does not update it",
        # Unknown effect
        "processing-changed": "{subject} changes how CloudFormation processes the template",
        "loop-changed": "{subject} changes; its effect is known only after processing",
        "ineffective": "{subject} change without effect for the given parameters",
    }
)


@dataclass(frozen=True)
class Style:
    """How a renderer shows text.

    Attributes:
        show: Shows a subject or a value, which is text already.
        escape: Shows the words between them.
        arrow: Stands between the values before and after a change.

    """

    show: Callable[[str], str]
    escape: Callable[[str], str]
    arrow: str


def sentence(finding: Finding, style: Style) -> str:
    """Return a finding as a sentence, with the values before and after a change if it has them."""
    said = _remark(finding, style) if finding.code == REMARK else _sentence(finding, style)
    values = before_and_after(finding.details.get("before"), finding.details.get("after"), style)
    return f"{said}: {values}" if values else said


def _sentence(finding: Finding, style: Style) -> str:
    wording = WORDINGS[finding.code]
    text = wording if isinstance(wording, str) else wording(finding)
    values = {**finding.details, "subject": finding.subject, "causes": list(finding.causes)}
    formatter = string.Formatter()
    return "".join(
        style.escape(literal)
        + ("" if field is None else _shown(formatter.get_field(field, (), values)[0], style))
        for literal, field, _, _ in formatter.parse(text)
    )


def _shown(value: Value, style: Style) -> str:
    """Return a value for a sentence: text and items in the renderer's way, numbers as they are."""
    if isinstance(value, list):
        return join([_shown(item, style) for item in value])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return style.show(format_value(value))


def before_and_after(before: Value, after: Value, style: Style) -> str:
    """Return the values before and after a change; None is a value that does not exist."""
    old, new = (
        None if value is None else style.show(value_text(value)) for value in (before, after)
    )
    if old is not None and new is not None:
        return f"{old} {style.arrow} {new}"
    return f"was {old}" if old is not None else new or ""


def value_text(value: Value) -> str:
    """Return a value as text, which is visible even if the value is empty."""
    return format_value(value) or ("none" if isinstance(value, list) else "''")


def _remark(finding: Finding, style: Style) -> str:
    """Return the sentence that a finding brings along: a bridge."""
    subject = re.compile(rf"(?<!\w){re.escape(style.escape(finding.subject))}(?!\w)")
    message = style.escape(finding.details["message"])
    return subject.sub(lambda _: style.show(finding.subject), message, count=1)


def consequence(part: PropertyChange, style: Style) -> str:
    """Return the change of a property that follows from another resource."""
    cause = style.escape(CAUSES[part.cause_replacement])
    return f"{style.show(part.because_of)} {cause}"


def join(items: Sequence[str]) -> str:
    """Return items as an enumeration: `a, b and c`."""
    *first, last = items or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def places_text(places: Places) -> str:
    """Return environments as text; nothing if environment types have no names."""
    every, new = (
        [place.environment_type for place in places if place.only_new is only_new]
        for only_new in (False, True)
    )
    words = [join(every)] if any(every) else []
    if new:
        words.append(f"new {join(new)} environments" if any(new) else "new environments")
    return " and ".join(words)


def counts_text(counts: Sequence[tuple[Outcome, int]]) -> str:
    """Return the numbers of resources with each outcome as text."""
    return ", ".join(f"{number} {OUTCOMES[outcome]}" for outcome, number in counts) or (
        "no resource changes"
    )


def more_text(numbers: tuple[int, int]) -> str:
    """Return how many findings follow from another one."""
    least, most = numbers
    return f"{most if least == most else f'{least} to {most}'} more"
