"""The statements of a headline and their order."""

import pytest

from iot_pipeline_cfn.review.analyses import Topic
from iot_pipeline_cfn.review.statements import find_statements
from iot_pipeline_cfn.review.verdict import Group, Review, Scope, Verdict
from iot_pipeline_cfn.template.findings import Finding, Severity

MAYBE = {"replacement": "Conditional"}


def found(*groups, general=()):
    """Return the codes and subjects of the statements about groups of environments."""
    reviewed = Review(
        "any",
        Verdict(findings=tuple(general)),
        tuple(
            Group((Scope(name, only_new=False),), Verdict(findings=each)) for name, each in groups
        ),
        unaffected=(),
        differs=True,
    )
    return [(each.code, each.subjects, len(each.scopes)) for each in find_statements(reviewed)]


def finding(topic, severity, subject, code="any", causes=(), **details):
    return topic, Finding(code, severity, subject, details, causes)


LOST = finding(Topic.DATA, Severity.DATA_LOSS, "Database")
REPLACED = finding(Topic.REPLACED, Severity.REPLACEMENT, "Database", "replaced")
MAYBE_REPLACED = finding(Topic.REPLACED, Severity.REPLACEMENT, "Role", "replaced", **MAYBE)
OTHER = finding(Topic.REPLACED, Severity.REPLACEMENT, "Vpc", "replaced")
FOLLOWER = finding(Topic.REPLACED, Severity.REPLACEMENT, "Subnet", "replaced", ("Vpc",))
UNKNOWN = finding(Topic.UNKNOWN, Severity.REPLACEMENT, "Stack")
UNASSESSED = finding(Topic.NOT_ASSESSED, Severity.WARNING, "AWS::Glue::Job")
REMOVED = finding(Topic.REMOVED, Severity.INTERRUPTION, "Web", "removed")


@pytest.mark.parametrize(
    ("findings", "codes"),
    [
        ((UNASSESSED, UNKNOWN, MAYBE_REPLACED, REMOVED, LOST), ["data-loss", "removal"]),
        ((LOST, REPLACED), ["data-loss"]),
        ((MAYBE_REPLACED,), []),
    ],
)
def test_certain_facts_come_first_and_a_resource_is_named_once(findings, codes):
    statements = [code for code, *_ in found(("prod", findings))]
    later = ["possible-replacement", "unknown", "not-assessed"]
    assert statements[: len(codes)] == codes
    assert statements[len(codes) :] == [each for each in later if each in statements]


def test_subject_has_all_its_environments_and_the_cause_of_most_comes_first():
    assert found(("dev", (REPLACED, OTHER, FOLLOWER)), ("prod", (OTHER, FOLLOWER))) == [
        ("replacement", ("Vpc",), 2),
        ("replacement", ("Database",), 1),
    ]


def test_what_is_not_known_in_general_is_stated_without_environments():
    assert found(general=[UNKNOWN]) == [("unknown", ("Stack",), 0)]
