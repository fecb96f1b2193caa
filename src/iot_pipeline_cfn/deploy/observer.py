"""Observers: what the caller of an operation is shown while it runs, and asked."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from iot_pipeline_cfn.template.findings import Finding

if TYPE_CHECKING:
    from .deletion import DeletionPlan
    from .deployment import Plan
    from .events import Event
    from .location import Location


class Operation(StrEnum):
    """What an operation does; `CHECK` waits for services, `OTHER` is of another process."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REMOVE_FAILED_CREATION = "remove-failed-creation"
    ROLL_BACK = "rollback"
    CANCEL_UPDATE = "cancel-update"
    CHECK = "check"
    RELEASE = "release"
    OTHER = "other"


class Question(StrEnum):
    """A question that the user answers with yes or no."""

    BOOTSTRAP = "bootstrap"
    NETWORK = "network"
    DEPLOY = "deploy"
    DELETE = "delete"
    CANCEL_UPDATE = "cancel-update"
    ROLL_BACK = "roll-back"
    DELETE_CREATION = "delete-creation"


class Observer:
    """An observer that shows nothing and agrees to nothing; subclasses override what they need."""

    def show_location(self, location: "Location") -> None:
        """Show the account and the Region before anything is asked or done."""

    def show_plan(self, plan: "Plan") -> None:
        """Show a plan before its preflight checks run."""

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show the findings of the preflight checks before anything is executed."""

    def show_deletion(self, plan: "DeletionPlan") -> None:
        """Show what becomes of each resource before the stack is deleted."""

    def notify(self, finding: Finding) -> None:
        """Show a step of an operation that is worth knowing."""

    def confirm(self, question: Question, environment: str) -> bool:
        """Ask the user, who may raise KeyboardInterrupt."""
        return False

    @contextmanager
    def watch(
        self,
        operation: Operation,
        subject: str,
        logical_ids: Collection[str],
    ) -> Iterator[Callable[["Event"], None]]:
        """Show an operation; the function that this yields gets each event."""
        yield lambda _: None
