"""Outputs that an environment lacks fail the check that needs them."""

import pytest

from iot_pipeline_cfn.rehearsal.checks import CheckFailed
from iot_pipeline_cfn.rehearsal.rehearsal_target import Outputs


def test_missing_output_fails_the_check():
    with pytest.raises(CheckFailed) as error:
        Outputs(ApiId="a")["VpcId"]
    assert (error.value.finding.code, error.value.finding.details) == (
        "output-missing",
        {"name": "VpcId"},
    )
