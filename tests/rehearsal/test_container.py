"""A container that ends, is not healthy, or does not stop."""

from textwrap import dedent

import pytest

from breaking import DEPLOY_IMAGE, definition
from iot_pipeline_cfn.rehearsal import container
from iot_pipeline_cfn.rehearsal.checks import CheckFailed
from iot_pipeline_cfn.rehearsal.container import Container
from processing import wait_for


def rename_secret(template):
    (secret,) = [one for one in definition(template)["Secrets"] if one["Name"] == "DB_PASSWORD"]
    secret["Name"] = "DATABASE_PASSWORD"


def swap_addresses(template):
    values = {pair["Name"]: pair for pair in definition(template)["Environment"]}
    values["DB_HOST"]["Value"] = values["REDIS_HOST"]["Value"]


@pytest.mark.parametrize(
    ("breakage", "code", "details"),
    [
        (rename_secret, "container-ended", {"status": 1}),
        (swap_addresses, "container-unhealthy", {"answer": "503"}),
    ],
)
def test_container_without_its_variables_is_not_healthy(failure_of, breakage, code, details):
    failure = failure_of(breakage, *DEPLOY_IMAGE)
    assert failure.code == code
    assert failure.details.items() >= details.items()


@pytest.mark.parametrize(
    ("reaction", "code"),
    [("pass", "container-not-stopped"), ("exit(3)", "container-stopped-badly")],
)
def test_container_that_does_not_stop_properly_is_reported(tmp_path, monkeypatch, reaction, code):
    program = f"""
        import signal, sys, time
        exit = sys.exit
        def stop(*_): {reaction}
        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        while True: time.sleep(1)
    """
    (tmp_path / "program.py").write_text(dedent(program))
    monkeypatch.setattr(container, "STOP_SECONDS", 1)
    running = Container(tmp_path / "program.py", {}, tmp_path / "log")
    running.start()
    try:
        wait_for(lambda: "ready" in running.log.read_text())
        with pytest.raises(CheckFailed) as failure:
            running.stop()
        assert failure.value.finding.code == code
        assert running.process.returncode is not None
    finally:
        running.kill()


@pytest.mark.parametrize(
    ("program", "code", "details"),
    [
        ("import time; time.sleep(60)", "container-not-ended", {"seconds": 1}),
        ("print('why'); exit(3)", "container-ended", {"status": 3, "log": "why"}),
    ],
)
def test_container_that_does_not_succeed_is_reported(tmp_path, monkeypatch, program, code, details):
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(container, "RUN_SECONDS", 1)
    failing = Container(tmp_path / "program.py", {}, tmp_path / "log")
    with pytest.raises(CheckFailed) as failure:
        failing.run()
    assert (failure.value.finding.code, failure.value.finding.details) == (code, details)
    assert failing.process.returncode is not None
