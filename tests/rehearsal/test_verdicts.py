"""An assumption is confirmed by its check, and refuted by the failure of its resources."""

import pytest

from iot_pipeline_cfn.rehearsal.assumptions import Assumption, AssumptionRegister, AssumptionTopic
from iot_pipeline_cfn.rehearsal.checks import CheckFailed, passed
from iot_pipeline_cfn.rehearsal.steps import Step
from iot_pipeline_cfn.rehearsal.verdicts import judge_assumptions

ASSUMPTION = Assumption(
    id="a",
    statement="s",
    where=("x.py",),
    otherwise="o",
    step="create",
    check="created",
    resources=("Dashboard",),
)
REGISTER = AssumptionRegister("", (AssumptionTopic(title="t", assumptions=(ASSUMPTION,)),))


def failed_at(*logical_ids):
    failures = [{"logical_id": name, "reason": f"AWS on {name}"} for name in logical_ids]
    details = {"reason": "deployment-failed", "details": {"failures": failures}}
    return CheckFailed("deployment-failed", **details).finding


@pytest.mark.parametrize(
    ("steps", "verdict", "reasons"),
    [
        ([Step("create", [passed("created")], 1)], "confirmed", []),
        ([Step("create", [], 1, failed_at("Cache", "Dashboard"))], "refuted", ["AWS on Dashboard"]),
        ([Step("create", [], 1, failed_at("Cache"))], "not-reached", []),
        ([Step("create", [passed("no-tasks")], 1)], "not-reached", []),
        ([Step("create", [], 1, CheckFailed("no-api").finding)], "not-reached", []),
        ([Step("ingest", [passed("created")], 1)], "not-reached", []),
        ([], "not-reached", []),
    ],
)
def test_verdict_follows_from_the_step(steps, verdict, reasons):
    (on_aws,) = judge_assumptions(REGISTER, steps, on_aws=True)
    assert (on_aws.verdict, on_aws.reasons) == (verdict, reasons)
    (elsewhere,) = judge_assumptions(REGISTER, steps, on_aws=False)
    assert (elsewhere.verdict, elsewhere.reasons) == ("not-on-emulator", [])
