"""A sign of life every minute: CI ends a job that says nothing for ten."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SECONDS: Final = 60.0


@contextmanager
def signs_of_life(say: Callable[[float], None]) -> Iterator[None]:
    """Say every minute how many seconds have passed."""
    start, end = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not end.wait(SECONDS):
            say(time.monotonic() - start)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
