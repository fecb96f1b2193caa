"""Fixtures for what only stubbed answers of AWS can show."""

import pytest
from botocore.stub import Stubber

from deploying import made_up_session
from iot_pipeline_cfn.deploy.connection import Connection, Target


@pytest.fixture
def stubbed():
    """A connection that reaches nothing."""
    return Connection(made_up_session(), "us-east-1", Target.AWS)


@pytest.fixture
def stubber(stubbed):
    """The answers of CloudFormation, which must all be used."""
    with Stubber(stubbed.cloudformation) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
