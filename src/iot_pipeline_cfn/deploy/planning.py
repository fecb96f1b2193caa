"""Decisions: what to ask of CloudFormation, or why not, as pure functions over what is known.

Which statuses allow what:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
"""

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.exit_codes import ExitCode

ENVIRONMENT_TAG: Final = "iot-pipeline:environment"
"""The stack's tag with the environment's name as it was given first."""


class Verb(StrEnum):
    """What the user wants of an environment."""

    PLAN = "plan"
    DEPLOY = "deploy"
    DESTROY = "destroy"
    CANCEL = "cancel"


class StackAction(Enum):
    """What to do next with a stack."""

    CREATE = auto()
    UPDATE = auto()
    RECREATE = auto()
    """Delete what is left of a failed creation, then create."""
    WAIT = auto()
    """Follow the operation in progress to its end, then decide again."""
    ROLL_BACK = auto()
    """Roll back a failed update, or finish its failed rollback, then decide again."""
    DELETE = auto()
    CANCEL_UPDATE = auto()
    NOTHING = auto()


class Refusal(StrEnum):
    """Why a verb is refused: the code of a `DeploymentError`."""

    ABSENT = "absent"
    ANOTHER_NAME = "another-name"
    CANNOT_CANCEL_CREATION = "cannot-cancel-creation"
    CANNOT_CANCEL_DELETION = "cannot-cancel-deletion"
    CHANGE_SET_FAILED = "change-set-failed"
    CHANGE_SET_OBSOLETE = "change-set-obsolete"
    CREATION_FAILED = "creation-failed"
    DELETION_FAILED = "deletion-failed"
    EXPRESS_PROTECTED = "express-protected"
    EXPRESS_STUCK = "express-stuck"
    EXPRESS_UPDATE = "express-update"
    FOREIGN_STACK = "foreign-stack"
    IMPORT_ROLLBACK_FAILED = "import-rollback-failed"
    NO_UPDATE = "no-update"
    ROLLBACK_FAILED = "rollback-failed"
    ROLLING_BACK = "rolling-back"
    UNKNOWN_STATUS = "unknown-status"
    UPDATE_CLEANING_UP = "update-cleaning-up"
    UPDATE_FAILED = "update-failed"


REASONS: Final[Mapping[Refusal, str]] = MappingProxyType(
    {
        Refusal.ABSENT: "there is no such environment; to list those that exist, run:\n    {list}",
        Refusal.ANOTHER_NAME: "its name is {name!r} (make: ENV={quoted}); run:\n    {command}",
        Refusal.CANNOT_CANCEL_CREATION: "CloudFormation cannot cancel a creation; to end it, "
        "run:\n    {destroy}",
        Refusal.CANNOT_CANCEL_DELETION: "CloudFormation cannot cancel a deletion; to follow it, "
        "run:\n    {events}",
        Refusal.CHANGE_SET_FAILED: "CloudFormation rejected the change set",
        Refusal.CHANGE_SET_OBSOLETE: "another deployment changed the stack; run the command again",
        Refusal.CREATION_FAILED: "its creation failed; to create it again, run:\n    {deploy}",
        Refusal.DELETION_FAILED: "its deletion failed; to try again and see the cause, "
        "run:\n    {destroy}",
        Refusal.EXPRESS_PROTECTED: "express mode is for ephemeral environments, since it does not "
        "wait until resources work; deploy without --express",
        Refusal.EXPRESS_STUCK: "its last update failed in express mode without rollback, which "
        "CloudFormation cannot undo; see docs/deploying.md for the way out",
        Refusal.EXPRESS_UPDATE: "express mode is for creations: an update can leave the service on "
        "its old task definition; deploy without --express",
        Refusal.FOREIGN_STACK: f"the stack was not created by this tool: no tag {ENVIRONMENT_TAG}",
        Refusal.IMPORT_ROLLBACK_FAILED: "the rollback of its import failed; finish it in the "
        "CloudFormation console",
        Refusal.NO_UPDATE: "no update is in progress; to see its state, run:\n    {status}",
        Refusal.ROLLBACK_FAILED: "the rollback of its creation failed; to delete it, "
        "run:\n    {destroy}",
        Refusal.ROLLING_BACK: "it is already rolling back; to follow it, run:\n    {events}",
        Refusal.UNKNOWN_STATUS: "the stack status is unknown to this tool",
        Refusal.UPDATE_CLEANING_UP: "the update is complete; to follow the removal of replaced "
        "resources, run:\n    {events}",
        Refusal.UPDATE_FAILED: "its last update failed halfway; to roll it back first, "
        "run:\n    {deploy}",
    }
)
"""Each with the commands that it names, such as `{deploy}`."""

Decision = StackAction | Refusal

ABSENT: Final = "ABSENT"
"""The status of a stack that does not exist."""

NEVER_COMPLETED: Final = frozenset(
    {
        "REVIEW_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_FAILED",
        "ROLLBACK_COMPLETE",
    }
)
"""The statuses of stacks that were never in use, so that nothing in them is protected."""


def _row(
    plan: Decision,
    destroy: Decision,
    cancel: Decision = Refusal.NO_UPDATE,
    *,
    deploy: Decision | None = None,
) -> Mapping[Verb, Decision]:
    """Return the decision for each verb; deploy decides like plan unless it is given."""
    return MappingProxyType(
        {Verb.PLAN: plan, Verb.DEPLOY: deploy or plan, Verb.DESTROY: destroy, Verb.CANCEL: cancel}
    )


def _busy(cancel: Decision) -> Mapping[Verb, Decision]:
    """Return the row of a status in which every verb but cancel waits."""
    return _row(StackAction.WAIT, StackAction.WAIT, cancel)


_CREATABLE: Final = _row(StackAction.CREATE, StackAction.NOTHING)
_UPDATABLE: Final = _row(StackAction.UPDATE, StackAction.DELETE)
_NOT_CREATED: Final = _row(Refusal.CREATION_FAILED, StackAction.DELETE, deploy=StackAction.RECREATE)
_HALF_UPDATED: Final = _row(Refusal.UPDATE_FAILED, StackAction.DELETE, deploy=StackAction.ROLL_BACK)

DECISIONS: Final[Mapping[str, Mapping[Verb, Decision]]] = MappingProxyType(
    {
        ABSENT: _row(StackAction.CREATE, StackAction.NOTHING, Refusal.ABSENT),
        "DELETE_COMPLETE": _CREATABLE,
        "REVIEW_IN_PROGRESS": _row(StackAction.CREATE, StackAction.DELETE),
        "CREATE_IN_PROGRESS": _row(
            StackAction.WAIT, StackAction.DELETE, Refusal.CANNOT_CANCEL_CREATION
        ),
        "CREATE_FAILED": _NOT_CREATED,
        "CREATE_COMPLETE": _UPDATABLE,
        "ROLLBACK_IN_PROGRESS": _busy(Refusal.ROLLING_BACK),
        "ROLLBACK_FAILED": _row(Refusal.ROLLBACK_FAILED, StackAction.DELETE),
        "ROLLBACK_COMPLETE": _NOT_CREATED,
        "DELETE_IN_PROGRESS": _busy(Refusal.CANNOT_CANCEL_DELETION),
        "DELETE_FAILED": _row(Refusal.DELETION_FAILED, StackAction.DELETE),
        "UPDATE_IN_PROGRESS": _busy(StackAction.CANCEL_UPDATE),
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": _busy(Refusal.UPDATE_CLEANING_UP),
        "UPDATE_COMPLETE": _UPDATABLE,
        "UPDATE_FAILED": _HALF_UPDATED,
        "UPDATE_ROLLBACK_IN_PROGRESS": _busy(Refusal.ROLLING_BACK),
        "UPDATE_ROLLBACK_FAILED": _HALF_UPDATED,
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": _busy(Refusal.ROLLING_BACK),
        "UPDATE_ROLLBACK_COMPLETE": _UPDATABLE,
        "IMPORT_IN_PROGRESS": _busy(Refusal.NO_UPDATE),
        "IMPORT_COMPLETE": _UPDATABLE,
        "IMPORT_ROLLBACK_IN_PROGRESS": _busy(Refusal.ROLLING_BACK),
        "IMPORT_ROLLBACK_FAILED": _row(Refusal.IMPORT_ROLLBACK_FAILED, StackAction.DELETE),
        "IMPORT_ROLLBACK_COMPLETE": _UPDATABLE,
    }
)


LEFT_BY_EXPRESS: Final[Mapping[str, Mapping[Verb, Decision]]] = MappingProxyType(
    {
        "CREATE_FAILED": _NOT_CREATED,
        "UPDATE_FAILED": _row(Refusal.EXPRESS_STUCK, StackAction.DELETE),
    }
)
"""The statuses that express mode without rollback leaves, as other tools use it. CloudFormation
then refuses `RollbackStack` and every operation that is not in express mode without rollback
(https://github.com/aws/aws-cdk-cli/issues/1739, https://github.com/aws/aws-cdk-cli/issues/1973)."""

IN_EXPRESS: Final[Mapping[Decision, Decision]] = MappingProxyType(
    {
        StackAction.UPDATE: Refusal.EXPRESS_UPDATE,
        StackAction.ROLL_BACK: Refusal.EXPRESS_UPDATE,
    }
)
"""What becomes of decisions where express mode is wanted: it is for creations."""


def decide(
    status: str,
    tags: Mapping[str, str],
    name: str,
    verb: Verb,
    *,
    express: bool = False,
    without_rollback: bool = False,
) -> Decision:
    """Return the action for a stack status (`ABSENT` without a stack), or the refusal.

    Args:
        status: The status of the stack.
        tags: Its tags.
        name: The name of the environment.
        verb: What the user wants of it.
        express: Whether the user wants express mode.
        without_rollback: Whether the stack's last operation was in express mode without rollback.

    """
    if status != ABSENT and (refusal := refuse_ownership(status, tags, name)):
        return refusal
    row = LEFT_BY_EXPRESS.get(status) if without_rollback else None
    row = row or DECISIONS.get(status)
    decision = row[verb] if row else Refusal.UNKNOWN_STATUS
    return IN_EXPRESS.get(decision, decision) if express else decision


def refuse_ownership(status: str, tags: Mapping[str, str], name: str) -> Refusal | None:
    """Return why a stack is not that of an environment, or None if it is."""
    if ENVIRONMENT_TAG in tags:
        return None if tags[ENVIRONMENT_TAG] == name else Refusal.ANOTHER_NAME
    # The tags of a change set are not on the stack before it is executed.
    return None if status == "REVIEW_IN_PROGRESS" else Refusal.FOREIGN_STACK


def capabilities(template: Mapping[str, Any]) -> list[str]:
    """Return the capabilities that a template needs.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    found = []
    identities = [
        resource.get("Properties", {})
        for resource in template["Resources"].values()
        if resource["Type"].startswith("AWS::IAM::")
    ]
    names = {"GroupName", "InstanceProfileName", "ManagedPolicyName", "RoleName", "UserName"}
    if any(names & properties.keys() for properties in identities):
        found.append("CAPABILITY_NAMED_IAM")
    elif identities:
        found.append("CAPABILITY_IAM")
    if "Transform" in template:
        found.append("CAPABILITY_AUTO_EXPAND")
    return found


def is_ephemeral(parameters: Mapping[str, str]) -> bool:
    """Return whether an environment with these parameters may be lost with its data."""
    return parameters.get("Durability") == "ephemeral"


def failure_options(
    parameters: Mapping[str, str], *, creates: bool, express: bool
) -> dict[str, Any]:
    """Return the arguments of CreateChangeSet that say what becomes of a failed operation.

    An ephemeral stack is deleted. A protected one is rolled back and kept for its events. Express
    mode rolls back too, because nothing but express mode leaves its failures; the documentation is
    of two minds about the default, and CloudFormation refuses `OnFailure` with it
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html).
    """
    if express:
        return {"DeploymentConfig": {"Mode": "EXPRESS", "DisableRollback": False}}
    deletes = creates and is_ephemeral(parameters)
    return {"OnStackFailure": "DELETE" if deletes else "ROLLBACK"}


def exit_code_of(status: str) -> ExitCode:
    """Return the exit code for an operation that ended in a stack status."""
    if status.endswith("ROLLBACK_COMPLETE"):
        return ExitCode.ROLLED_BACK
    return ExitCode.DONE if status.endswith("_COMPLETE") else ExitCode.STUCK
