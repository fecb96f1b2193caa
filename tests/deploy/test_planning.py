"""Decisions on stacks and change sets."""

import botocore.session
import pytest

from iot_pipeline_cfn.deploy.planning import (
    ABSENT,
    DECISIONS,
    ENVIRONMENT_TAG,
    REASONS,
    Refusal,
    StackAction,
    Verb,
    capabilities,
    decide,
    exit_code_of,
    failure_options,
    refuse_ownership,
)

STATUSES = (
    botocore.session.Session().get_service_model("cloudformation").shape_for("StackStatus").enum
)
OWN = {ENVIRONMENT_TAG: "PR-1"}

CREATE, UPDATE, RECREATE, WAIT = "CREATE", "UPDATE", "RECREATE", "WAIT"
DELETE, NOTHING, ROLL_BACK = "DELETE", "NOTHING", "ROLL_BACK"

EXPECTED = {
    # status: plan, deploy, destroy, cancel; a refusal is its code
    ABSENT: (CREATE, CREATE, NOTHING, "absent"),
    "CREATE_COMPLETE": (UPDATE, UPDATE, DELETE, "no-update"),
    "CREATE_FAILED": ("creation-failed", RECREATE, DELETE, "no-update"),
    "CREATE_IN_PROGRESS": (WAIT, WAIT, DELETE, "cannot-cancel-creation"),
    "DELETE_COMPLETE": (CREATE, CREATE, NOTHING, "no-update"),
    "DELETE_FAILED": ("deletion-failed", "deletion-failed", DELETE, "no-update"),
    "DELETE_IN_PROGRESS": (WAIT, WAIT, WAIT, "cannot-cancel-deletion"),
    "IMPORT_COMPLETE": (UPDATE, UPDATE, DELETE, "no-update"),
    "IMPORT_IN_PROGRESS": (WAIT, WAIT, WAIT, "no-update"),
    "IMPORT_ROLLBACK_COMPLETE": (UPDATE, UPDATE, DELETE, "no-update"),
    "IMPORT_ROLLBACK_FAILED": (
        "import-rollback-failed",
        "import-rollback-failed",
        DELETE,
        "no-update",
    ),
    "IMPORT_ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, "rolling-back"),
    "REVIEW_IN_PROGRESS": (CREATE, CREATE, DELETE, "no-update"),
    "ROLLBACK_COMPLETE": ("creation-failed", RECREATE, DELETE, "no-update"),
    "ROLLBACK_FAILED": ("rollback-failed", "rollback-failed", DELETE, "no-update"),
    "ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, "rolling-back"),
    "UPDATE_COMPLETE": (UPDATE, UPDATE, DELETE, "no-update"),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (WAIT, WAIT, WAIT, "update-cleaning-up"),
    "UPDATE_FAILED": ("update-failed", ROLL_BACK, DELETE, "no-update"),
    "UPDATE_IN_PROGRESS": (WAIT, WAIT, WAIT, "CANCEL_UPDATE"),
    "UPDATE_ROLLBACK_COMPLETE": (UPDATE, UPDATE, DELETE, "no-update"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (WAIT, WAIT, WAIT, "rolling-back"),
    "UPDATE_ROLLBACK_FAILED": ("update-failed", ROLL_BACK, DELETE, "no-update"),
    "UPDATE_ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, "rolling-back"),
}


def test_every_status_of_cloudformation_has_its_row():
    """A new status fails here before it surprises a deployment."""
    assert set(DECISIONS) == {*STATUSES, ABSENT} == set(EXPECTED)


@pytest.mark.parametrize("status", EXPECTED)
def test_decision_on_a_stack_of_the_environment(status):
    found = (decide(status, OWN, "PR-1", verb) for verb in Verb)
    assert EXPECTED[status] == tuple(
        each.name if isinstance(each, StackAction) else each for each in found
    )


def test_every_refusal_has_a_reason():
    assert REASONS.keys() == {*Refusal}


@pytest.mark.parametrize("tags", [{ENVIRONMENT_TAG: "pr-1"}, {}])
@pytest.mark.parametrize("verb", Verb)
def test_stack_of_others_is_left_alone(tags, verb):
    for status in STATUSES:
        if status != "REVIEW_IN_PROGRESS":
            found = decide(status, tags, "PR-1", verb)
            assert found in {Refusal.ANOTHER_NAME, Refusal.FOREIGN_STACK}


def test_unknown_status_is_refused():
    assert decide("PAUSED", OWN, "PR-1", Verb.DEPLOY) is Refusal.UNKNOWN_STATUS


@pytest.mark.parametrize(
    ("status", "tags", "refusal"),
    [
        ("CREATE_COMPLETE", {ENVIRONMENT_TAG: "PR-1"}, None),
        ("CREATE_COMPLETE", {ENVIRONMENT_TAG: "pr-1"}, Refusal.ANOTHER_NAME),
        ("CREATE_COMPLETE", {ENVIRONMENT_TAG: ""}, Refusal.ANOTHER_NAME),
        ("CREATE_COMPLETE", {"Project": "iot-pipeline"}, Refusal.FOREIGN_STACK),
        ("REVIEW_IN_PROGRESS", {}, None),
    ],
)
def test_tag_tells_which_environment_a_stack_belongs_to(status, tags, refusal):
    """The tag holds the name as it was given. A stack in review has no tags yet."""
    assert refuse_ownership(status, tags, "PR-1") is refusal


@pytest.mark.parametrize(
    ("template", "needed"),
    [
        ({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}, []),
        ({"Resources": {"A": {"Type": "AWS::IAM::Role"}}}, ["CAPABILITY_IAM"]),
        (
            {"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "a"}}}},
            ["CAPABILITY_NAMED_IAM"],
        ),
        (
            {"Transform": "AWS::LanguageExtensions", "Resources": {}},
            ["CAPABILITY_AUTO_EXPAND"],
        ),
    ],
)
def test_capabilities_are_those_that_the_template_needs(template, needed):
    assert capabilities(template) == needed


def test_capabilities_of_the_template(template):
    assert capabilities(template) == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


EXPRESS = {"DeploymentConfig": {"Mode": "EXPRESS", "DisableRollback": False}}


@pytest.mark.parametrize(
    ("durability", "creates", "express", "options"),
    [
        ("protected", True, False, {"OnStackFailure": "ROLLBACK"}),
        ("ephemeral", True, False, {"OnStackFailure": "DELETE"}),
        ("ephemeral", False, False, {"OnStackFailure": "ROLLBACK"}),
        ("ephemeral", True, True, EXPRESS),
    ],
)
def test_failure_is_rolled_back_or_deleted(durability, creates, express, options):
    """Express mode takes no `OnStackFailure`."""
    given = {"Durability": durability}
    assert failure_options(given, creates=creates, express=express) == options


@pytest.mark.parametrize("status", EXPECTED)
def test_express_mode_is_for_creations(status):
    for verb in (Verb.PLAN, Verb.DEPLOY):
        standard = decide(status, OWN, "PR-1", verb)
        found = decide(status, OWN, "PR-1", verb, express=True)
        updates = standard in {StackAction.UPDATE, StackAction.ROLL_BACK}
        assert found == (Refusal.EXPRESS_UPDATE if updates else standard)


LEFT_BY_EXPRESS = {
    # status, with rollback or without: deploy, destroy
    ("CREATE_FAILED", True): (RECREATE, DELETE),
    ("ROLLBACK_COMPLETE", False): (RECREATE, DELETE),
    ("UPDATE_FAILED", False): (ROLL_BACK, DELETE),
    ("UPDATE_FAILED", True): ("express-stuck", DELETE),
    ("UPDATE_ROLLBACK_COMPLETE", False): (UPDATE, DELETE),
    ("UPDATE_COMPLETE", True): (UPDATE, DELETE),
}


@pytest.mark.parametrize(("status", "without_rollback"), LEFT_BY_EXPRESS)
def test_failure_in_express_mode_without_rollback_cannot_be_rolled_back(status, without_rollback):
    found = (
        decide(status, OWN, "PR-1", verb, without_rollback=without_rollback)
        for verb in (Verb.DEPLOY, Verb.DESTROY)
    )
    assert LEFT_BY_EXPRESS[status, without_rollback] == tuple(
        each.name if isinstance(each, StackAction) else each for each in found
    )


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [
        ("CREATE_COMPLETE", 0),
        ("UPDATE_COMPLETE", 0),
        ("DELETE_COMPLETE", 0),
        ("ROLLBACK_COMPLETE", 4),
        ("UPDATE_ROLLBACK_COMPLETE", 4),
        ("ROLLBACK_FAILED", 5),
        ("DELETE_FAILED", 5),
        ("UPDATE_ROLLBACK_FAILED", 5),
    ],
)
def test_exit_code_follows_from_the_final_status(status, exit_code):
    assert exit_code_of(status) == exit_code
