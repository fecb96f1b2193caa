"""Calls to AWS that do not need each other's answers, made at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

AT_ONCE: Final = 10
"""How many calls are made at once: as many as botocore keeps connections of a client."""


def all_of(*calls: Callable[[], T]) -> list[T]:
    """Return the results in the order of the calls, once all have ended, or raise an error."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return the results of two calls, once both have ended, or raise the error of one."""
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(second)
        return first(), beside.result()
