"""Asking AWS again and again until a condition holds, through outages too."""

import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from .errors import is_transient

T = TypeVar("T")

SHORTEST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 5.0
"""Seconds between calls. CloudFormation allows few describing calls per second and account."""

OUTAGE_PAUSE: Final = 1.0
LONGEST_OUTAGE_PAUSE: Final = 60.0
"""Seconds between calls that AWS throttles or does not answer, besides the retries of botocore."""


def poll(timeout: float) -> Iterator[None]:
    """Yield whenever it is time to ask again: often at first, then less and less.

    Raises:
        TimeoutError: when the seconds are over.

    """
    start = time.monotonic()
    while (elapsed := time.monotonic() - start) < timeout:
        yield
        pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, elapsed / 10))
        time.sleep(max(0.0, min(pause, start + timeout - time.monotonic())))
    raise TimeoutError


def answers(
    ask: Callable[[], T], timeout: float, report_outage: Callable[[Exception], None]
) -> Iterator[T]:
    """Yield the answers of AWS to a question that is asked again and again.

    An outage, in which AWS throttles, fails or is not reached, is reported once and waited out.

    Raises:
        TimeoutError: when the seconds are over.

    """
    deadline = time.monotonic() + timeout
    failures = 0
    for _ in poll(timeout):
        try:
            answer = ask()
        except (BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            if not failures:
                report_outage(error)
            pause = min(LONGEST_OUTAGE_PAUSE, OUTAGE_PAUSE * 2 ** min(failures, 10))
            failures += 1
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        else:
            failures = 0
            yield answer
