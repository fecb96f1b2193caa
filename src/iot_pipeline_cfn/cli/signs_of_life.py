"""What is in progress, said every minute: CI ends a job that says nothing for ten."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.events import Event

SECONDS: Final = 60.0


class InProgress(dict[str, "Event"]):
    """The resources in progress by their logical IDs, each with its last event."""

    def see(self, event: "Event") -> None:
        """Take an event into account."""
        if not event.of_stack:
            self.pop(event.logical_id, None)
            if event.status.endswith("_IN_PROGRESS"):
                self[event.logical_id] = event


@contextmanager
def signs_of_life(
    say: Callable[[float, list[str]], None],
) -> "Iterator[Callable[[Event], None]]":
    """Say every minute how many seconds have passed and what is in progress; yield what sees it."""
    busy, start, end = InProgress(), time.monotonic(), threading.Event()

    def repeat() -> None:
        while not end.wait(SECONDS):
            say(time.monotonic() - start, list(busy))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield busy.see
    finally:
        end.set()
        thread.join()
