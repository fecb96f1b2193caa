"""Calls that are made at once."""

from threading import Barrier

import pytest

from iot_pipeline_cfn.deploy.concurrency import all_of, both


def test_results_are_in_the_order_of_the_calls():
    """Each call ends only if the others are made as well."""
    barrier = Barrier(3, timeout=10)
    assert all_of(*[lambda number=number: (barrier.wait(), number)[1] for number in range(3)]) == [
        0,
        1,
        2,
    ]
    barrier = Barrier(2, timeout=10)
    assert both(lambda: (barrier.wait(), "a")[1], lambda: (barrier.wait(), 1)[1]) == ("a", 1)
    assert all_of() == []


def test_error_of_a_call_is_raised():
    with pytest.raises(ZeroDivisionError):
        all_of(int, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        both(int, lambda: 1 // 0)
