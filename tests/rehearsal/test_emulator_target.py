"""A rehearsal on the emulator skips what this machine lacks the servers for."""

from iot_pipeline_cfn.rehearsal import emulator_target
from iot_pipeline_cfn.rehearsal.checks import StepSkipped
from iot_pipeline_cfn.rehearsal.scenario import STEPS


def test_steps_that_need_missing_servers_are_skipped(template, run_steps, monkeypatch):
    def missing(_):
        raise StepSkipped("server-missing", server="PostgreSQL", package="postgresql")

    monkeypatch.setattr(emulator_target, "postgresql_server", missing)
    steps = run_steps(template, *STEPS)
    assert [step.name for step in steps] == [*STEPS]
    assert not any(step.failure for step in steps)
    skipped = [step for step in steps if step.skipped]
    assert len(skipped) == 7
    assert {step.skipped.details["server"] for step in skipped} == {"PostgreSQL"}
    assert [check.code for check in steps[-1].checks] == ["no-leftovers"]
