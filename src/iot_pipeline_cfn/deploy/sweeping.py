"""Finding the environments that nobody needs any more, and deleting them.

What decides is the state of the pull request, or else the last activity, and never the age.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from queue import Queue
from threading import Semaphore, Thread
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.exit_codes import ExitCode

from . import cloudformation
from .cloudformation import Stack
from .environments import STACK_PREFIX, Environment
from .errors import DeploymentError, explained
from .inventory import is_environment
from .lifetime import expiry, last_activity, pull_request
from .operations import Operations
from .orphans import OrphanResult
from .planning import DECISIONS, ENVIRONMENT_TAG
from .protection import is_protected
from .service_layer import Consent, destroy

AT_ONCE: Final = 4
"""How many environments are deleted at once."""
START_SECONDS: Final = 30.0
"""Between the beginnings of two deletions: an account deletes one API in 30 seconds, and one VPC
link (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""


class SweepVerdict(StrEnum):
    """Why an environment is kept or deleted."""

    PULL_REQUEST_CLOSED = "pull-request-closed"
    TIME_OVER = "time-over"

    FOREIGN = "foreign"
    PROTECTED = "protected"
    UNKNOWN_STATUS = "unknown-status"
    IN_PROGRESS = "in-progress"
    PULL_REQUEST_OPEN = "pull-request-open"
    TIME_LEFT = "time-left"
    NO_END = "no-end"
    CHANGED = "changed"
    """It was deployed in the meantime, as after its pull request was opened again."""
    GONE = "gone"
    """It was deleted in the meantime."""

    @property
    def deletes(self) -> bool:
        """Whether the environment is deleted."""
        return self in {SweepVerdict.PULL_REQUEST_CLOSED, SweepVerdict.TIME_OVER}


def judge(stack: Stack, open_pull_requests: Collection[int] | None, now: datetime) -> SweepVerdict:
    """Decide whether to keep or delete an environment; in doubt, keep it.

    Without a list of open pull requests, no pull request counts as closed.
    """
    end, number = expiry(stack), pull_request(stack)
    is_open = None if number is None or open_pull_requests is None else number in open_pull_requests
    verdicts = (
        (not is_environment(stack), SweepVerdict.FOREIGN),
        (is_protected(stack), SweepVerdict.PROTECTED),
        (stack.status not in DECISIONS, SweepVerdict.UNKNOWN_STATUS),
        (stack.in_progress, SweepVerdict.IN_PROGRESS),
        (is_open is True, SweepVerdict.PULL_REQUEST_OPEN),
        (is_open is False, SweepVerdict.PULL_REQUEST_CLOSED),
        (end is None, SweepVerdict.NO_END),
        (end is not None and end <= now, SweepVerdict.TIME_OVER),
    )
    return next((verdict for applies, verdict in verdicts if applies), SweepVerdict.TIME_LEFT)


def environment_of(stack: Stack) -> Environment:
    """Return the environment that a stack is."""
    return Environment(stack.tags[ENVIRONMENT_TAG], stack.name.removeprefix(STACK_PREFIX))


@dataclass(frozen=True)
class Candidate:
    """An environment with its verdict, and what became of it."""

    stack: Stack
    verdict: SweepVerdict
    is_deleted: bool = False
    error: DeploymentError | None = None


def find_candidates(
    stacks: Sequence[Stack], open_pull_requests: Collection[int] | None
) -> list[Candidate]:
    """Return the verdicts on environments."""
    now = datetime.now(UTC)
    return [Candidate(stack, judge(stack, open_pull_requests, now)) for stack in stacks]


def require_swept(candidates: Sequence[Candidate], orphans: Sequence[OrphanResult]) -> None:
    """Require that everything that was to be deleted is."""
    names = [each.stack.name for each in candidates if each.error]
    left = [each.orphan.id for each in orphans if each.error]
    if names or left:
        message = f"not everything could be deleted: {', '.join([*names, *left])}"
        raise DeploymentError(
            message, ExitCode.STUCK, code="not-swept", environments=names, leftovers=left
        )


def delete_candidates(
    candidates: Sequence[Candidate],
    open_pull_requests: Collection[int] | None,
    operations_of: Callable[[Stack], Operations],
    pause: float = START_SECONDS,
) -> list[Candidate]:
    """Delete the environments whose verdict says so, a few at once; the others stay as they are."""

    def delete(number: int) -> None:
        results.put((number, _delete(candidates[number], open_pull_requests, operations_of)))
        slots.release()

    results: Queue[tuple[int, Candidate]] = Queue()
    slots = Semaphore(AT_ONCE)
    chosen = [number for number, each in enumerate(candidates) if each.verdict.deletes]
    try:
        for number in chosen:
            if number != chosen[0]:
                time.sleep(pause)
            slots.acquire()
            # Not waited for when the user interrupts: CloudFormation goes on by itself.
            Thread(target=delete, args=(number,), daemon=True).start()
        done = dict(results.get() for _ in chosen)
    except KeyboardInterrupt:
        message = "interrupted; CloudFormation goes on with the deletions that have begun"
        raise DeploymentError(message, ExitCode.INTERRUPTED, code="interrupted") from None
    return [done.get(number, each) for number, each in enumerate(candidates)]


def _delete(
    candidate: Candidate,
    open_pull_requests: Collection[int] | None,
    operations_of: Callable[[Stack], Operations],
) -> Candidate:
    """Delete an environment unless its verdict has changed meanwhile."""
    try:
        operations = operations_of(candidate.stack)
        now = cloudformation.find_stack(operations.client, candidate.stack.arn)
        if now is None or now.status == "DELETE_COMPLETE":
            return replace(candidate, verdict=SweepVerdict.GONE)
        verdict = judge(now, open_pull_requests, datetime.now(UTC))
        if verdict.deletes and last_activity(now) != last_activity(candidate.stack):
            verdict = SweepVerdict.CHANGED
        if not verdict.deletes:
            return replace(candidate, stack=now, verdict=verdict)
        destroy(operations, Consent(yes=True))
    except DeploymentError as error:
        return replace(candidate, error=error)
    except (BotoCoreError, ClientError) as error:
        return replace(candidate, error=explained(error))
    except Exception as error:  # noqa: BLE001 The others go on, and this one is reported.
        message = f"{type(error).__name__}: {error}"
        return replace(candidate, error=DeploymentError(message, code="failed"))
    return replace(candidate, is_deleted=True)
