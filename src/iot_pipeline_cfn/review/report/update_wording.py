"""The wording of findings about data, rejections, replacements, outputs, parameters and stacks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.changes import Replacement
from iot_pipeline_cfn.template.findings import Finding
from iot_pipeline_cfn.template.stateful import DataOutcome

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


def _reasons(finding: Finding) -> str:
    """Return the wording of the properties that decide about a change, its own ones last."""
    reasons = [
        f"{{because[{index}][path]}} refers to {{because[{index}][because_of]}}, "
        f"which {CAUSES[part['cause_replacement']]}"
        if part["because_of"]
        else f"{{because[{index}][path]}} changes"
        for index, part in enumerate(finding.details["because"])
    ]
    return ", and ".join(reasons)


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


def _data_policy_weakened(finding: Finding) -> str:
    event = "removed" if finding.details["attribute"] == "DeletionPolicy" else "replaced"
    outcome = DATA_OUTCOMES[finding.details["data_outcome"]]
    return f"the {{attribute}} of {{subject}} is weaker: its data {outcome} if it is {event}"


def _identity(finding: Finding) -> str:
    """Return the wording of the properties that two resources cannot share."""
    given = [name for name, value in finding.details["identity"].items() if value is not None]
    return " and ".join(f"{name} {{identity[{name}]}}" for name in given) or "what exists only once"


def _identity_taken(finding: Finding) -> str:
    if finding.details["holder"] != finding.subject:
        return f"{{subject}} will fail, because {{holder}} has {_identity(finding)} until the end"
    article = "the" if finding.details["replacement"] == Replacement.YES else "a"
    return f"{{subject}}: {article} replacement will fail, because it keeps {_identity(finding)}"


def _deleted_with_predecessor(finding: Finding) -> str:
    return (
        f"{{subject}} is created with {_identity(finding)} like {{holder}}; it is refused, or "
        "deleted with {holder}"
    )


def _stack_policy_denial(finding: Finding) -> str:
    is_possible = finding.details["replacement"] == Replacement.MAYBE
    condition = ", if it is replaced" if is_possible else ""
    return f"{{subject}}: the stack policy denies {{action}}{condition}"


def _outputs_follow(finding: Finding) -> str:
    verb = "may change" if finding.details["replacement"] == Replacement.MAYBE else "change"
    refused = ""
    if finding.details["exported"]:
        refused = "; CloudFormation rejects other values of {exported} while a stack imports them"
    return f"the values of {{outputs}} {verb} with {{causes}}{refused}"


def _allowed_values_changed(finding: Finding) -> str:
    parts = [key for key in ("removed", "added") if finding.details[key]]
    return "AllowedValues of {subject}: " + ", ".join(f"{key} {{{key}}}" for key in parts)


def _parameter_read_again(finding: Finding) -> str:
    replaced = "; {replaced} is replaced then" if finding.details["replaced"] else ""
    return f"an update reads {{subject}} again, which may change {{resources}}{replaced}"


UPDATE_WORDINGS: Final[Mapping[str, str | Callable[[Finding], str]]] = MappingProxyType(
    {
        # Data
        "data-removed": _data_lost,
        "data-replaced": _data_lost,
        "data-policy-weakened": _data_policy_weakened,
        # Rejected
        "type-changed": (
            "{subject} changes its resource type, which CloudFormation rejects; use a new "
            "logical ID"
        ),
        "identity-taken": _identity_taken,
        "deleted-with-predecessor": _deleted_with_predecessor,
        "stack-policy-denial": _stack_policy_denial,
        "bound-to-vpc": (
            "{subject} cannot move to another VPC with {subnets}; use a new logical ID"
        ),
        "subnet-outside-vpc": "{subject}: {cidr_block} is not within {vpc_cidr_block} of {vpc}",
        "storage-reduced": "{subject}: {property} can only be increased",
        "immutable-property": (
            "{subject}: the service refuses another {property}; use a new logical ID and name"
        ),
        "engine-downgrade": "{subject}: RDS rejects a downgrade of EngineVersion",
        "major-upgrade-not-allowed": (
            "{subject}: a new major EngineVersion needs AllowMajorVersionUpgrade"
        ),
        "parameter-group-family": (
            "{subject} needs a parameter group of family {needed}; its group has {family}"
        ),
        "removed": "{subject} is removed",
        # Replaced, revised, interrupted
        "replaced": _replaced,
        "renamed": (
            "{subject} is renamed to {new_logical_id}: {new_logical_id} is created, then {subject} "
            "is deleted"
        ),
        "revised": _revised,
        "new-revision": "{subject} is a new revision of {previous_logical_id}",
        "interrupted": _interrupted,
        "instances-kept": (
            "{subject} uses another {properties} only for instances that it starts later"
        ),
        # Outputs and parameters
        "export-changed": (
            "the export of {subject} changes, which CloudFormation rejects while a stack imports it"
        ),
        "output-removed": "{subject} is removed; readers of this output fail",
        "output-added": "{subject} is a new output",
        "output-changed": "{subject} gets a new value",
        "exported-value-changed": (
            "the exported value of {subject} changes, which CloudFormation rejects while a stack "
            "imports {export}"
        ),
        "outputs-follow": _outputs_follow,
        "parameter-removed": "{subject} is removed; values for it are rejected",
        "parameter-added": "{subject} is a new parameter with a default",
        "required-parameter-added": "{subject} is a new parameter without a default",
        "default-changed": "{subject} has a new default, for new stacks only",
        "default-removed": "{subject} no longer has a default, so new stacks need a value",
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
        # Other parameters
        "conditional-change": (
            "{subject} is {outcome} where a condition holds that the given parameters do not meet: "
            "{conditions}"
        ),
        # Unknown effect
        "parameter-read-again": _parameter_read_again,
        "unknown-content": (
            "{subject} gets other {properties}, which may add, replace or remove anything in it"
        ),
        "setup-changed": (
            "{subject} has other {paths}, which cfn-init applies to new instances, and cfn-hup to "
            "those that run; what it does is not known"
        ),
        "processing-changed": "{subject} changes how CloudFormation processes the template",
        "processed-by-macro": "{macros} can make anything of the changed resources",
        "loop-changed": "{subject} changes; its effect is known only after processing",
        "ineffective": "{subject} change without effect for the given parameters",
    }
)
