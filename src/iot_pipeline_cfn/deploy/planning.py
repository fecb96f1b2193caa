"""What to ask of CloudFormation, or why not: pure functions over what is known.

Which statuses allow what:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import ParameterSet

from .errors import DeploymentError

ENVIRONMENT_TAG: Final = "iot-pipeline:environment"
"""The stack's tag with the environment's name as it was given first."""


class Wanted(Enum):
    """What a person wants of an environment; the value is the column in `DECISIONS`."""

    PLAN = 0
    DEPLOY = 1
    DESTROY = 2
    CANCEL = 3


class Owner(Enum):
    """Whose a stack is, by its tag."""

    OURS = auto()
    ANOTHER_NAME = auto()
    FOREIGN = auto()


class ChangeSetState(Enum):
    """What has become of a change set."""

    AVAILABLE = auto()
    EMPTY = auto()
    FAILED = auto()
    OVERTAKEN = auto()


class Action(Enum):
    """What to do next."""

    CREATE = auto()
    UPDATE = auto()
    RECREATE = auto()
    """Delete what is left of a failed creation, then create."""
    WAIT = auto()
    """Follow what is in progress to its end, then decide again."""
    ROLL_BACK = auto()
    """Bring a failed update, or its failed roll-back, to its end, then decide again."""
    DELETE = auto()
    CANCEL_UPDATE = auto()
    EXECUTE = auto()
    NOTHING = auto()
    REFUSE = auto()


@dataclass(frozen=True)
class Decision:
    """An action, and for a refusal its reason."""

    action: Action
    reason: str = ""


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
"""Nobody has ever used what is in a stack with one of these, so nothing in it is protected."""

_DESTROY_FIRST = "its roll-back has failed, so that it can only be deleted: destroy it first"
_DELETE_AGAIN = "its deletion has failed: destroy it again, which says what holds it"
_NOTHING_TO_COMPARE = (
    "its creation has failed and nothing is left to compare with; deploy removes it and creates it "
    "anew"
)
_NO_UPDATE = "no update is in progress"
_IMPORT = "its import has failed to roll back: finish that in the CloudFormation console"
_ROLL_BACK = "an update of it has failed halfway: deploy rolls that back"
_CREATION = "CloudFormation cannot cancel a creation: destroy ends it"
_CLEANING_UP = "the update is done, only what it replaced is being removed"
_ROLLING_BACK = "it is rolling back already"
_DELETING = "CloudFormation cannot cancel a deletion"

_UPDATABLE: Final = (Action.UPDATE, Action.UPDATE, Action.DELETE, _NO_UPDATE)
_BUSY: Final = (Action.WAIT, Action.WAIT, Action.WAIT)
_DEAD: Final = (_NOTHING_TO_COMPARE, Action.RECREATE, Action.DELETE, _NO_UPDATE)
_HALFWAY: Final = (_ROLL_BACK, Action.ROLL_BACK, Action.DELETE, _NO_UPDATE)

DECISIONS: Final[Mapping[str, tuple[Action | str, ...]]] = MappingProxyType(
    {
        # status: plan, deploy, destroy, cancel; a text is the reason of a refusal
        ABSENT: (Action.CREATE, Action.CREATE, Action.NOTHING, "there is no such environment"),
        "DELETE_COMPLETE": (Action.CREATE, Action.CREATE, Action.NOTHING, _NO_UPDATE),
        "REVIEW_IN_PROGRESS": (Action.CREATE, Action.CREATE, Action.DELETE, _NO_UPDATE),
        "CREATE_IN_PROGRESS": (Action.WAIT, Action.WAIT, Action.DELETE, _CREATION),
        "CREATE_FAILED": _DEAD,
        "CREATE_COMPLETE": _UPDATABLE,
        "ROLLBACK_IN_PROGRESS": (*_BUSY, _ROLLING_BACK),
        "ROLLBACK_FAILED": (_DESTROY_FIRST, _DESTROY_FIRST, Action.DELETE, _NO_UPDATE),
        "ROLLBACK_COMPLETE": _DEAD,
        "DELETE_IN_PROGRESS": (*_BUSY, _DELETING),
        "DELETE_FAILED": (_DELETE_AGAIN, _DELETE_AGAIN, Action.DELETE, _NO_UPDATE),
        "UPDATE_IN_PROGRESS": (*_BUSY, Action.CANCEL_UPDATE),
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (*_BUSY, _CLEANING_UP),
        "UPDATE_COMPLETE": _UPDATABLE,
        "UPDATE_FAILED": _HALFWAY,
        "UPDATE_ROLLBACK_IN_PROGRESS": (*_BUSY, _ROLLING_BACK),
        "UPDATE_ROLLBACK_FAILED": _HALFWAY,
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (*_BUSY, _ROLLING_BACK),
        "UPDATE_ROLLBACK_COMPLETE": _UPDATABLE,
        "IMPORT_IN_PROGRESS": (*_BUSY, _NO_UPDATE),
        "IMPORT_COMPLETE": _UPDATABLE,
        "IMPORT_ROLLBACK_IN_PROGRESS": (*_BUSY, _ROLLING_BACK),
        "IMPORT_ROLLBACK_FAILED": (_IMPORT, _IMPORT, Action.DELETE, _NO_UPDATE),
        "IMPORT_ROLLBACK_COMPLETE": _UPDATABLE,
    }
)

WHOSE: Final = MappingProxyType(
    {
        Owner.ANOTHER_NAME: "it has the same suffix, but another name, by which it is to be called",
        Owner.FOREIGN: f"its stack was made by something else: it has no tag {ENVIRONMENT_TAG}",
    }
)

CHANGE_SETS: Final = MappingProxyType(
    {
        ChangeSetState.AVAILABLE: Decision(Action.EXECUTE),
        ChangeSetState.EMPTY: Decision(Action.NOTHING),
        ChangeSetState.FAILED: Decision(Action.REFUSE, "CloudFormation has refused the change set"),
        ChangeSetState.OVERTAKEN: Decision(
            Action.REFUSE, "another deployment has changed the stack since: run the command again"
        ),
    }
)


def decide(
    status: str, owner: Owner, wanted: Wanted, change_set: ChangeSetState | None = None
) -> Decision:
    """Return what to do about a stack, and once there is a change set, what to do with that.

    `status` is CloudFormation's for the stack, or `ABSENT`.
    """
    if status != ABSENT and owner is not Owner.OURS:
        return Decision(Action.REFUSE, WHOSE[owner])
    if change_set is not None:
        if wanted is Wanted.PLAN and change_set is ChangeSetState.AVAILABLE:
            return Decision(Action.NOTHING)
        return CHANGE_SETS[change_set]
    if status not in DECISIONS:
        return Decision(Action.REFUSE, f"its status {status} is not one that is known here")
    match DECISIONS[status][wanted.value]:
        case Action() as action:
            return Decision(action)
        case reason:
            return Decision(Action.REFUSE, reason)


def owner_of(tags: Mapping[str, str], name: str) -> Owner:
    """Return whose a stack with these tags is, for who asks for the environment of this name."""
    if ENVIRONMENT_TAG not in tags:
        return Owner.FOREIGN
    return Owner.OURS if tags[ENVIRONMENT_TAG] == name else Owner.ANOTHER_NAME


def capabilities(template: Mapping[str, Any]) -> list[str]:
    """Return what has to be acknowledged for a template.

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


def refuse_fixed(parameters: ParameterSet) -> None:
    """Refuse to change what a stack keeps for its life.

    Raises:
        DeploymentError: when a value differs: other zones replace the subnets and all that is in
            them, and another key the database, whatever the rest of the change is about.

    """
    for finding in parameters.fixed_changes():
        raise DeploymentError(parameter_sentence(finding))


def failure_mode(parameters: Mapping[str, str]) -> str:
    """Return what becomes of a stack whose creation fails.

    Nothing is left of an ephemeral one. A protected one is rolled back and kept to be looked at.
    """
    return "DELETE" if parameters.get("Durability") == "ephemeral" else "ROLLBACK"


def exit_code_of(status: str) -> ExitCode:
    """Return how an operation has ended that led a stack to a status."""
    if status.endswith("ROLLBACK_COMPLETE"):
        return ExitCode.ROLLED_BACK
    return ExitCode.DONE if status.endswith("_COMPLETE") else ExitCode.STUCK
