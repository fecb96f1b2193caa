"""The rehearsal on AWS, on the emulator: it deletes what it has created, and nothing else."""

import json
from datetime import UTC, datetime

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.aws_rehearsal_command import load_own_network, report_data, write_report
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.service_layer import deploy
from iot_pipeline_cfn.rehearsal.aws_rehearsal import (
    REHEARSAL_TAG,
    Beginning,
    RehearsalRecord,
    decide_beginning,
    read_record,
    rehearse_on_aws,
    require_own_record,
    tagged,
)
from iot_pipeline_cfn.rehearsal.aws_target import AwsTarget
from iot_pipeline_cfn.rehearsal.checks import CheckFailed, passed
from iot_pipeline_cfn.rehearsal.scenario import CONSENT
from iot_pipeline_cfn.rehearsal.steps import Step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "pr-rehearsal"


def stack(status="UPDATE_COMPLETE", **tags):
    return Stack("arn", "iot-pipeline-pr-rehearsal", status, "", NOW, None, {}, tags, (), False)


def record(*steps, region="eu-west-1"):
    return RehearsalRecord("r1", "1", region, NAME, [*steps])


def failed(reason):
    failure = CheckFailed("deployment-failed", reason=reason, message="", details={}).finding
    return Step("rollback", [], 1, failure)


OWN = {REHEARSAL_TAG: "r1"}
OK = Step("create", [passed("created")], 1)


@pytest.mark.parametrize(
    ("found", "known", "beginning"),
    [
        (None, None, Beginning.CREATE),
        (None, record(OK), Beginning.CREATE),
        (stack(**OWN), record(OK), Beginning.CONTINUE),
        (stack(**OWN), record(OK, failed("expired-credentials")), Beginning.CONTINUE),
        (stack(**OWN), record(OK, failed("deployment-failed")), Beginning.CLEAN_UP),
        (stack(**OWN), None, Beginning.CLEAN_UP),
        (stack(**{REHEARSAL_TAG: "r2"}), record(OK), Beginning.CLEAN_UP),
        (stack("DELETE_FAILED", **OWN), record(OK), Beginning.CLEAN_UP),
        (stack("ROLLBACK_COMPLETE", **OWN), record(OK), Beginning.CLEAN_UP),
    ],
)
def test_stack_and_record_decide_the_beginning(found, known, beginning):
    assert decide_beginning(found, known) is beginning


def test_environment_of_others_is_refused():
    with pytest.raises(DeploymentError) as error:
        decide_beginning(stack(), record(OK))
    assert error.value.code == "not-of-a-rehearsal"


def test_unfinished_report_of_another_place_is_kept():
    require_own_record(record(OK, Step("destroy", [], 1), region="us-east-1"), "1", "eu-west-1")
    with pytest.raises(DeploymentError) as error:
        require_own_record(record(OK, region="us-east-1"), "1", "eu-west-1")
    assert error.value.code == "unfinished-elsewhere"


def test_report_keeps_the_record(tmp_path):
    kept = record(OK, failed("expired-credentials"))
    write_report(tmp_path / "report", report_data(kept, 1.5))
    assert read_record(json.loads((tmp_path / "report.json").read_text())) == kept
    assert "about $1.50" in (tmp_path / "report.md").read_text()


@pytest.fixture
def rehearsed(connect_to, monkeypatch):
    """A function that rehearses up to a step, and returns the record and the environment."""
    monkeypatch.chdir(ROOT)
    environment, request = load_own_network(NAME, None)
    operations = Operations(environment, connect_to(), on_interrupt="leave")
    target = AwsTarget(operations.connection, "")

    def rehearsed(act=lambda _: None):
        done = record()
        saved = []
        steps = rehearse_on_aws(
            operations,
            tagged(request, done.id),
            target,
            done,
            beginning=Beginning.CREATE,
            save=lambda: saved.append([step.name for step in done.steps]),
        )
        try:
            for step in steps:
                act(step)
        except KeyboardInterrupt:
            steps.close()
        assert saved[-1] == [step.name for step in done.steps]
        return done

    return rehearsed, operations, request


def test_interruption_deletes_the_environment(rehearsed):
    rehearse, operations, _ = rehearsed

    def interrupt(step):
        if step.name == "create":
            assert operations.find_stack().tags[REHEARSAL_TAG] == "r1"
            raise KeyboardInterrupt

    done = rehearse(interrupt)
    assert [step.name for step in done.steps] == ["bootstrap", "create", "destroy"]
    assert operations.find_stack() is None


def test_clean_up_keeps_an_environment_of_others(rehearsed):
    rehearse, operations, request = rehearsed

    def replace(step):
        if step.name == "bootstrap":
            deploy(operations, request, CONSENT)
            raise KeyboardInterrupt

    done = rehearse(replace)
    assert done.steps[-1].failure.details["reason"] == "not-of-a-rehearsal"
    assert operations.find_stack().status == "CREATE_COMPLETE"
