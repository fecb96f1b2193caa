"""Fixtures for tests of preflight checks."""

import pytest

from iot_pipeline_cfn.deploy.connection import Target
from preflights import STUBBERS


@pytest.fixture
def account(connect_to):
    """A connection to an empty account of the emulator, as if it were one of AWS."""
    return connect_to(target=Target.AWS)


@pytest.fixture(autouse=True)
def _all_answers_are_used():
    yield
    stubbers = [*STUBBERS]
    STUBBERS.clear()
    for stubber in stubbers:
        stubber.assert_no_pending_responses()
