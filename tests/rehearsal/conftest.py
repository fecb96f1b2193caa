"""Steps of the scenario in the shared emulator, with shared servers."""

import json
from contextlib import ExitStack, nullcontext

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.rehearsal_wording import check_sentence
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.rehearsal import container, emulator_target, servers
from iot_pipeline_cfn.rehearsal.emulator_target import EmulatorTarget
from iot_pipeline_cfn.rehearsal.scenario import STEPS, Scenario
from iot_pipeline_cfn.rehearsal.steps import run_step

PROCESSOR = ROOT / "examples/processor/processor.py"


@pytest.fixture(scope="session")
def servers_of_tests():
    """A PostgreSQL and a Redis server for all tests of a process."""
    with servers.postgresql_server("iotdb") as database, servers.redis_server() as cache:
        yield database, cache


@pytest.fixture
def empty_stores(servers_of_tests, monkeypatch):
    """The shared servers without data, in place of those that the scenario would start."""
    database, cache = servers_of_tests
    with database.connect() as session:
        session.execute("DROP TABLE IF EXISTS readings")
        for role in ("processor", "iot"):
            if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                session.execute(f"REASSIGN OWNED BY {role} TO rdsadmin")
                session.execute(f"DROP OWNED BY {role}")
                session.execute(f"DROP ROLE {role}")
    with cache.connect() as client:
        client.flushall()
    monkeypatch.setattr(emulator_target, "postgresql_server", lambda _: nullcontext(database))
    monkeypatch.setattr(emulator_target, "redis_server", lambda: nullcontext(cache))
    return database, cache


@pytest.fixture
def run_steps(tmp_path, connect_to):
    """A function that runs steps of the scenario, up to a failure, in a new account."""
    with ExitStack() as resources:

        def run_steps(template, *names, environment="dev1", parameters=ROOT / "parameters"):
            path = tmp_path / "template.json"
            path.write_text(json.dumps(template))
            named, request = load_request(environment, path, parameters)
            steps = []
            connection = connect_to()
            created = Scenario(
                Operations(named, connection, on_interrupt="leave"),
                request,
                EmulatorTarget(connection, PROCESSOR, resources),
            )
            for name in names:
                steps.append(run_step(name, STEPS[name], created))
                if steps[-1].failure:
                    break
            return steps

        yield run_steps


@pytest.fixture
def failure_of(template, run_steps, empty_stores, monkeypatch):
    """A function that breaks the template and returns how the last of some steps fails."""
    monkeypatch.setattr(emulator_target, "PATIENCE_SECONDS", 3)
    monkeypatch.setattr(container, "START_SECONDS", 6)

    def failure_of(breakage, *names):
        broken = json.loads(json.dumps(template))
        breakage(broken)
        *before, last = run_steps(broken, *names)
        assert not any(step.failure or step.skipped for step in before)
        assert last.name == names[-1]
        assert check_sentence(last.failure)
        return last.failure

    return failure_of
