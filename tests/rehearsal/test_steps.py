"""The result of a step keeps the checks that have passed, and says how it ended."""

import pytest

from iot_pipeline_cfn.deploy.errors import DeploymentError, FindingsError
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.rehearsal.checks import CheckFailed, StepSkipped, passed
from iot_pipeline_cfn.rehearsal.steps import run_step
from iot_pipeline_cfn.template.findings import Finding, Severity

FAILED = DeploymentError("rolled back", ExitCode.ROLLED_BACK, code="deployment-failed", status="X")


def ending_with(error):
    def act(_):
        yield passed("created")
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "failure", "skipped"),
    [
        (CheckFailed("no-tasks-desired"), "no-tasks-desired", None),
        (StepSkipped("server-missing"), None, "server-missing"),
        (FAILED, "deployment-failed", None),
        (KeyError("Services"), "unexpected-error", None),
    ],
)
def test_step_keeps_its_checks(error, failure, skipped):
    step = run_step("create", ending_with(error), None)
    assert [check.code for check in step.checks] == ["created"]
    assert (step.failure and step.failure.code, step.skipped and step.skipped.code) == (
        failure,
        skipped,
    )


def test_failure_has_the_findings_of_the_deployment():
    found = Finding("targets-unhealthy", Severity.WARNING, "TargetGroup")
    error = FindingsError("does not work", ExitCode.NOT_WORKING, [found], code="not-working")
    step = run_step("start-tasks", ending_with(error), None)
    assert step.failure.details["details"] == {"findings": [found.as_data()]}


def test_interruption_of_a_deployment_ends_the_rehearsal():
    interrupted = DeploymentError("interrupted", ExitCode.INTERRUPTED, code="interrupted")
    with pytest.raises(KeyboardInterrupt):
        run_step("create", ending_with(interrupted), None)
