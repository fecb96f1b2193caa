"""The results of checks."""

import pytest

from iot_pipeline_cfn.rehearsal.checks import CheckFailed, passed, require
from iot_pipeline_cfn.template.findings import Finding, Severity


def test_result_of_a_check_is_a_finding():
    assert passed("created", count=1) == Finding("created", Severity.NOTE, details={"count": 1})
    require([1], "created")
    with pytest.raises(CheckFailed) as failure:
        require([], "created", count=0)
    assert failure.value.finding == Finding("created", Severity.ERROR, details={"count": 0})
