"""What is asked of CloudFormation, as tables."""

import botocore.session
import pytest

from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.planning import (
    ABSENT,
    DECISIONS,
    ENVIRONMENT_TAG,
    Action,
    ChangeSetState,
    Owner,
    Wanted,
    capabilities,
    decide,
    exit_code_of,
    failure_mode,
    owner_of,
    refuse_fixed,
)
from iot_pipeline_cfn.template.parameters import ParameterSet

STATUSES = (
    botocore.session.Session().get_service_model("cloudformation").shape_for("StackStatus").enum
)

CREATE, UPDATE, RECREATE, WAIT = Action.CREATE, Action.UPDATE, Action.RECREATE, Action.WAIT
DELETE, NOTHING, REFUSE = Action.DELETE, Action.NOTHING, Action.REFUSE
ROLL_BACK = Action.ROLL_BACK

EXPECTED = {
    # status: plan, deploy, destroy, cancel
    ABSENT: (CREATE, CREATE, NOTHING, REFUSE),
    "CREATE_COMPLETE": (UPDATE, UPDATE, DELETE, REFUSE),
    "CREATE_FAILED": (REFUSE, RECREATE, DELETE, REFUSE),
    "CREATE_IN_PROGRESS": (WAIT, WAIT, DELETE, REFUSE),
    "DELETE_COMPLETE": (CREATE, CREATE, NOTHING, REFUSE),
    "DELETE_FAILED": (REFUSE, REFUSE, DELETE, REFUSE),
    "DELETE_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "IMPORT_COMPLETE": (UPDATE, UPDATE, DELETE, REFUSE),
    "IMPORT_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "IMPORT_ROLLBACK_COMPLETE": (UPDATE, UPDATE, DELETE, REFUSE),
    "IMPORT_ROLLBACK_FAILED": (REFUSE, REFUSE, DELETE, REFUSE),
    "IMPORT_ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "REVIEW_IN_PROGRESS": (CREATE, CREATE, DELETE, REFUSE),
    "ROLLBACK_COMPLETE": (REFUSE, RECREATE, DELETE, REFUSE),
    "ROLLBACK_FAILED": (REFUSE, REFUSE, DELETE, REFUSE),
    "ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "UPDATE_COMPLETE": (UPDATE, UPDATE, DELETE, REFUSE),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "UPDATE_FAILED": (REFUSE, ROLL_BACK, DELETE, REFUSE),
    "UPDATE_IN_PROGRESS": (WAIT, WAIT, WAIT, Action.CANCEL_UPDATE),
    "UPDATE_ROLLBACK_COMPLETE": (UPDATE, UPDATE, DELETE, REFUSE),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
    "UPDATE_ROLLBACK_FAILED": (REFUSE, ROLL_BACK, DELETE, REFUSE),
    "UPDATE_ROLLBACK_IN_PROGRESS": (WAIT, WAIT, WAIT, REFUSE),
}


def test_every_status_that_botocore_knows_has_its_row():
    """A new one fails here, before it surprises a deployment."""
    assert set(DECISIONS) == {*STATUSES, ABSENT} == set(EXPECTED)


@pytest.mark.parametrize("status", EXPECTED)
def test_decision_on_a_stack_of_ours(status):
    """A refusal has its reason, nothing else has one."""
    for wanted in Wanted:
        decision = decide(status, Owner.OURS, wanted)
        assert decision.action is EXPECTED[status][wanted.value], wanted
        assert bool(decision.reason) == (decision.action is REFUSE)


@pytest.mark.parametrize("owner", [Owner.ANOTHER_NAME, Owner.FOREIGN])
@pytest.mark.parametrize("wanted", Wanted)
def test_stack_of_others_is_left_alone(owner, wanted):
    """Whatever its status, and also once there is a change set."""
    for status in STATUSES:
        assert decide(status, owner, wanted).action is REFUSE
        assert decide(status, owner, wanted, ChangeSetState.AVAILABLE).action is REFUSE


def test_status_that_nobody_knows_is_refused():
    """And said."""
    decision = decide("PAUSED", Owner.OURS, Wanted.DEPLOY)
    assert decision.action is REFUSE
    assert "PAUSED" in decision.reason


@pytest.mark.parametrize(
    ("state", "wanted", "action"),
    [
        (ChangeSetState.AVAILABLE, Wanted.DEPLOY, Action.EXECUTE),
        (ChangeSetState.AVAILABLE, Wanted.PLAN, NOTHING),
        (ChangeSetState.EMPTY, Wanted.DEPLOY, NOTHING),
        (ChangeSetState.EMPTY, Wanted.PLAN, NOTHING),
        (ChangeSetState.FAILED, Wanted.DEPLOY, REFUSE),
        (ChangeSetState.FAILED, Wanted.PLAN, REFUSE),
        (ChangeSetState.OVERTAKEN, Wanted.DEPLOY, REFUSE),
        (ChangeSetState.OVERTAKEN, Wanted.PLAN, REFUSE),
    ],
)
def test_decision_on_a_change_set(state, wanted, action):
    """It is only executed where it can be, and where somebody wants to deploy."""
    assert decide("UPDATE_COMPLETE", Owner.OURS, wanted, state).action is action


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({ENVIRONMENT_TAG: "PR-1"}, Owner.OURS),
        ({ENVIRONMENT_TAG: "pr-1"}, Owner.ANOTHER_NAME),
        ({ENVIRONMENT_TAG: ""}, Owner.ANOTHER_NAME),
        ({"Project": "iot-pipeline"}, Owner.FOREIGN),
        ({}, Owner.FOREIGN),
    ],
)
def test_tag_says_whose_a_stack_is(tags, owner):
    """By the name as it was given, not by the suffix."""
    assert owner_of(tags, "PR-1") is owner


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
    """And no more."""
    assert capabilities(template) == needed


def test_capabilities_of_the_template(template):
    """Its roles have no names."""
    assert capabilities(template) == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


@pytest.mark.parametrize("name", ["AvailabilityZone1", "AvailabilityZone2", "EncryptionKey"])
def test_what_would_replace_the_database_is_fixed(name):
    """Other zones and another key replace the database."""
    with pytest.raises(DeploymentError, match=name):
        refuse_fixed(ParameterSet({"Parameters": {}}, {name: "b"}, {name: "a"}))


@pytest.mark.parametrize(
    ("durability", "mode"), [("protected", "ROLLBACK"), ("ephemeral", "DELETE")]
)
def test_failed_creation_is_kept_where_the_environment_is_protected(durability, mode):
    assert failure_mode({"Durability": durability}) == mode


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
def test_exit_code_follows_from_where_an_operation_has_led(status, exit_code):
    """Whoever began it."""
    assert exit_code_of(status) == exit_code
