"""AWS as the place of a rehearsal, on the emulator, where a server stands for the tasks."""

import json
from functools import partial
from unittest.mock import Mock

import pytest

from checkout import ROOT
from deploying import Project, names_of_stacks
from faults import EXPIRED, from_, proxy_to
from images import Builders, write_image
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.rehearsal import aws_target
from iot_pipeline_cfn.rehearsal.aws_target import AwsTarget
from iot_pipeline_cfn.rehearsal.checks import CheckFailed, StepSkipped
from iot_pipeline_cfn.rehearsal.local_task import register
from iot_pipeline_cfn.rehearsal.rehearsal_target import Outputs
from iot_pipeline_cfn.rehearsal.scenario import STEPS
from iot_pipeline_cfn.template.findings import Finding, Severity
from serving import serving


def test_throttle_is_skipped():
    with pytest.raises(StepSkipped) as error:
        AwsTarget(None, "").require_throttle()
    assert error.value.finding.code == "throttle-inexact"


def test_probe_has_no_stores():
    probe = AwsTarget(None, "").find_probe(Outputs())
    assert (probe.stores, 503 in probe.transient, 400 in probe.transient) == (None, True, False)


def test_failed_rollout_is_not_waited_for(monkeypatch):
    failed = Finding("rollout-failed", Severity.ERROR, "Service")
    monkeypatch.setattr(aws_target, "find_problems", lambda *_: [failed])
    operations = Mock()
    with pytest.raises(CheckFailed) as error:
        [*AwsTarget(None, "", patience=60).replace_tasks(operations, Outputs())]
    assert error.value.finding.details == {"problems": ["Service: rollout-failed"]}
    operations.report_outage.assert_not_called()


@pytest.fixture
def rehearse(tmp_path, emulator, aws, connect_to, monkeypatch):
    """A function that rehearses on AWS, and returns the result and the steps in the report.

    AWS is the emulator, which runs no tasks: a server stands for them.
    """
    builders = Builders(tmp_path / "bin")
    builders.install("podman")
    write_image(builders.archive)
    report = tmp_path / "report.json"
    project = Project(ROOT, aws.account, emulator.endpoint_url, aws.region)
    monkeypatch.setattr(aws_target, "SETTLING_SECONDS", 2)
    with serving(lambda *_: (200, b"")) as port:

        def rehearse(before_push=lambda: None, **variables):
            class ServedTarget(AwsTarget):
                def push_image(self, *given):
                    before_push()
                    return super().push_image(*given)

                def start_tasks(self, outputs):
                    register(self.connection, outputs, port)

                follow_load_balancer = start_tasks

            served = partial(ServedTarget, connect_to(), patience=5)
            monkeypatch.setattr(aws_target, "AwsTarget", lambda _, image: served(image))
            done = project.run(
                *("rehearse", "--target", "aws", "--yes", "--json"),
                *("--report", str(report.with_suffix(""))),
                PATH=str(builders.directory),
                **variables,
            )
            assert done.document == json.loads(report.read_text())
            return done, {step["name"]: step for step in done.document["steps"]}

        yield rehearse


def test_rehearsal_continues_after_expired_credentials(rehearse, emulator, aws):
    with proxy_to(emulator.endpoint_url) as proxy:
        done, steps = rehearse(
            lambda: proxy.disturb(EXPIRED, from_(1)),
            AWS_ENDPOINT_URL_CLOUDFORMATION=proxy.endpoint_url,
        )
    assert done.status == ExitCode.NO_ACCESS, done.err
    assert [*steps] == ["bootstrap", "create", "repeat", "push-image", "destroy"]
    assert steps["destroy"]["failure"]["details"]["reason"] == "expired-credentials"
    created = steps["create"]
    done, steps = rehearse()
    assert done.status == ExitCode.DONE, done.err
    assert [*steps] == [*STEPS]
    assert steps["create"] == created
    assert [step["name"] for step in steps.values() if step["skipped"]] == ["throttle"]
    assert "iot-pipeline-pr-rehearsal" not in names_of_stacks(aws)


def test_user_is_asked_before_anything_is_created(terminal, project, aws):
    project.write_committed("pr")
    shown = terminal("rehearse", "--target", "aws")
    shown.until("Create pr-rehearsal, rehearse for about 1.1 hours")
    shown.type("n")
    status, text = shown.end()
    assert (status, "nothing was changed" in text) == (ExitCode.REFUSED, True)
    assert names_of_stacks(aws) == []
