"""The rehearsal: an environment's whole life goes well, and what is broken does not pass for it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from checkout import REGION, ROOT, make, run
from deploying import PROGRAM
from iot_pipeline_cfn.deploy.environments import environment_named
from iot_pipeline_cfn.rehearsal import life, servers
from iot_pipeline_cfn.rehearsal import local_task as task
from iot_pipeline_cfn.rehearsal.life import STEPS
from iot_pipeline_cfn.rehearsal.servers import ServerMissingError
from processing import client_of, connect, wait_for

CREATED, SAME, PUSHED, STARTED, READINGS, MANY, FAILING, ROTATED, PRIVATE, DESTROYED = (
    name for name, _ in STEPS
)


def rehearsed(template, name="pr1"):
    """Return the steps of a rehearsal in this process."""
    processor = ROOT / "examples/processor/processor.py"
    environment = environment_named(name, json.loads(template.read_text()))
    return list(life.rehearse(environment, REGION, template, processor))


def test_life_of_an_environment_goes_well():
    """Every step of it, of the most demanding kind, as make shows it."""
    done = make("rehearse", "ENV=prod")
    assert done.returncode == 0, done.stderr
    shown = [line.split(None, 1) for line in done.stderr.splitlines()]
    assert shown == [["ok", name] for name, _ in STEPS]
    assert "a reading arrives in PostgreSQL and in Redis" in done.stdout
    assert "nothing is left" in done.stdout


def container(template):
    (definition,) = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    return definition


def rename(pairs, old, new):
    (pair,) = [pair for pair in pairs if pair["Name"] == old]
    pair["Name"] = new


def remove_integration(template):
    del template["Resources"]["IngestMethod"]["Properties"]["Integration"]


def remove_log_group(template):
    del container(template)["LogConfiguration"]


def ask_for_tasks_at_once(template):
    template["Resources"]["Service"]["Properties"]["DesiredCount"] = 1


def rename_secret(template):
    rename(container(template)["Secrets"], "DB_PASSWORD", "DATABASE_PASSWORD")


def forget_rotation(template):
    template["Resources"]["DatabaseSecretRotatedRule"]["Properties"]["State"] = "DISABLED"


def open_the_api(template):
    template["Resources"]["IngestMethod"]["Properties"]["ApiKeyRequired"] = False


def keep_the_topic(template):
    template["Resources"]["AlarmTopic"]["DeletionPolicy"] = "Retain"


def forget_an_output(template):
    del template["Outputs"]["RepositoryUri"]


def take_the_cache_for_the_database(template):
    values = {pair["Name"]: pair for pair in container(template)["Environment"]}
    values["DB_HOST"]["Value"] = values["REDIS_HOST"]["Value"]


def listen_elsewhere(template):
    (registration,) = template["Resources"]["Service"]["Properties"]["LoadBalancers"]
    registration["ContainerPort"] = 9090
    container(template)["PortMappings"][0]["ContainerPort"] = 9090


def spell_the_repository_in_capitals(template):
    template["Resources"]["Repository"]["Properties"]["RepositoryName"] = "IoT-Pipeline"


def need_six_addresses(template):
    address = {"Type": "AWS::EC2::EIP", "Properties": {}}
    template["Resources"] |= {f"Address{number}": address for number in range(6)}


TO_READINGS = (CREATED, PUSHED, STARTED, READINGS)
BREAKAGES = {
    remove_integration: (TO_READINGS, "a reading is answered with 500"),
    spell_the_repository_in_capitals: ((CREATED,), "error names: "),
    need_six_addresses: ((CREATED,), "needs 6 Elastic IPs; 0 of 5"),
    remove_log_group: ((CREATED, PUSHED, STARTED), "the log group '' does not exist"),
    ask_for_tasks_at_once: ((CREATED,), "asks for 1 tasks, and there is no image"),
    rename_secret: ((CREATED, PUSHED, STARTED), "not set: DB_PASSWORD"),
    take_the_cache_for_the_database: ((CREATED, PUSHED, STARTED), "does not match host name"),
    listen_elsewhere: ((CREATED, PUSHED, STARTED), "registers port 9090, and not 8080"),
    forget_rotation: ((CREATED, PUSHED, STARTED, ROTATED), "does not get new tasks"),
    open_the_api: (TO_READINGS, "a caller who brings nothing is answered with 200, not 403"),
    keep_the_topic: ((CREATED, DESTROYED), "something is left: see list_topics"),
    forget_an_output: ((CREATED, PUSHED), "the output RepositoryUri is missing"),
}
"""With the steps that it takes to find it, in the last of which it shows."""


@pytest.fixture(scope="module")
def stores():
    """A PostgreSQL and a Redis for all rehearsals of this module, one after the other."""
    with servers.postgresql() as database, servers.redis() as cache:
        yield database, cache


@pytest.fixture
def empty_stores(stores, monkeypatch):
    """They, with nothing in them, in place of those that a rehearsal would start."""
    database, cache = stores
    with connect(database) as session:
        session.execute("DROP TABLE IF EXISTS readings")
    with client_of(cache) as client:
        client.flushall()
    monkeypatch.setattr(life, "postgresql", lambda: nullcontext(database))
    monkeypatch.setattr(life, "redis", lambda: nullcontext(cache))


@pytest.mark.usefixtures("empty_stores")
@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_what_is_broken_is_found(tmp_path, template, breakage, monkeypatch):
    """In the step in which it shows, with words that say what it is."""
    broken = json.loads(json.dumps(template))
    breakage(broken)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    names, words = BREAKAGES[breakage]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(life, "STEPS", [step for step in STEPS if step[0] in names])
    monkeypatch.setattr(life, "PATIENCE_SECONDS", 3)
    monkeypatch.setattr(task, "START_SECONDS", 6)
    *before, last = rehearsed(path)
    assert not any(step.off or step.skipped for step in before)
    assert last.name == names[-1]
    assert words in last.off


def test_protected_load_balancer_that_is_replaced_is_not_left(monkeypatch):
    """Of staging, which has a public one."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(
        life, "STEPS", [step for step in STEPS if step[0] in {CREATED, PRIVATE, DESTROYED}]
    )
    created, private, destroyed = rehearsed(ROOT / "templates/iot-pipeline.json", "staging")
    assert not created.off
    assert private.checked == ["the load balancer is internal"]
    assert destroyed.checked[-1] == "nothing is left of what is not kept"


def test_command_ends_with_the_step_in_which_something_is_off(tmp_path, template):
    """The steps after it are left out."""
    broken = json.loads(json.dumps(template))
    ask_for_tasks_at_once(broken)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    done = run(PROGRAM, "rehearse", "--json", "--template", str(path))
    assert done.returncode == 9
    (step,) = json.loads(done.stdout)["steps"]
    assert (step["name"], step["skipped"]) == (CREATED, "")
    assert done.stderr.splitlines()[-1] == f"iot-pipeline: {CREATED}: {step['off']}"


def test_module_that_is_missing_is_named():
    """With what brings it."""
    program = (
        "import sys; sys.modules['psycopg'] = None; from iot_pipeline_cfn.cli import main; main()"
    )
    done = run(sys.executable, "-c", program, "rehearse")
    assert done.returncode == 1
    assert done.stderr == (
        "iot-pipeline: psycopg is missing: pip install 'iot-pipeline-cfn[rehearsal]'\n"
    )


def test_environment_of_no_kind_is_refused_before_anything_starts(tmp_path):
    """As deploying it would be."""
    done = run(PROGRAM, "rehearse", "nope-1", env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("iot-pipeline: there is no kind of environment for 'nope-1'")


@pytest.fixture
def short_path():
    """A directory whose name leaves room for that of a socket, and that PostgreSQL can enter."""
    with TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.parametrize(
    ("number", "begun"),
    [
        (signal.SIGTERM, "iot-pipeline-rehearsal-*/.emulator/emulator.log"),
        (signal.SIGINT, "iot-pipeline-rehearsal-*/.emulator/emulator.json"),
        (signal.SIGHUP, "iot-pipeline-redis-*/redis.sock"),
    ],
    ids=["the emulator starts", "an environment is created", "servers run"],
)
def test_nothing_is_left_when_it_is_interrupted(short_path, number, begun):
    """Twice, as by a person who is impatient, and a program that tells make and what make runs."""
    rehearsal = subprocess.Popen(
        [PROGRAM, "rehearse"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(short_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(short_path.glob(begun)))
    rehearsal.send_signal(number)
    time.sleep(0.05)
    rehearsal.send_signal(number)
    rehearsal.communicate()
    # The second one may come when all has been said.
    assert rehearsal.returncode in {130, -number}
    assert list(short_path.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True)
    assert str(short_path) not in running.stdout


def test_without_servers_the_rest_is_rehearsed(monkeypatch):
    """And what is left out says why, in each step."""

    def missing():
        message = "there is no PostgreSQL: install postgresql"
        raise ServerMissingError(message)

    monkeypatch.setattr(life, "postgresql", missing)
    monkeypatch.chdir(ROOT)
    steps = rehearsed(ROOT / "templates/iot-pipeline.json")
    assert [step.name for step in steps] == [name for name, _ in STEPS]
    assert not any(step.off for step in steps)
    skipped = [step for step in steps if step.skipped]
    assert len(skipped) == 6
    assert {step.skipped for step in skipped} == {"there is no PostgreSQL: install postgresql"}
    assert steps[-1].checked == ["nothing is left"]
