"""On AWS the throttle is not tried, and readings are sent again while the API changes."""

import pytest

from iot_pipeline_cfn.rehearsal.aws_target import AwsTarget
from iot_pipeline_cfn.rehearsal.checks import StepSkipped
from iot_pipeline_cfn.rehearsal.rehearsal_target import Outputs


def test_throttle_is_skipped():
    with pytest.raises(StepSkipped) as error:
        AwsTarget(None, "").require_throttle()
    assert error.value.finding.code == "throttle-inexact"


def test_probe_has_no_stores():
    probe = AwsTarget(None, "").find_probe(Outputs())
    assert (probe.stores, 503 in probe.transient, 400 in probe.transient) == (None, True, False)
