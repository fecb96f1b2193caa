"""The rehearsal: an environment's whole life goes well, and what is broken does not pass for it."""

import json

import pytest

from conftest import REGION, ROOT, make, run
from deploying import PROGRAM
from iot_pipeline_cfn.deploy.environments import environment_named
from iot_pipeline_cfn.rehearsal import life
from iot_pipeline_cfn.rehearsal.life import STEPS
from iot_pipeline_cfn.rehearsal.servers import ServerMissingError


def rehearse(*options, cwd=ROOT):
    return run(PROGRAM, "rehearse", "--json", *options, cwd=cwd)


def steps_of(done):
    return json.loads(done.stdout)["steps"]


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
    container(template)["LogConfiguration"]["Options"]["awslogs-group"] = "/ecs/another"


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


BREAKAGES = {
    remove_integration: ("readings", "a reading is answered with 500"),
    remove_log_group: ("deployment with it", "the log group '/ecs/another' does not exist"),
    ask_for_tasks_at_once: (
        "first deployment, no image",
        "asks for 1 tasks, and there is no image",
    ),
    rename_secret: ("deployment with it", "DB_PASSWORD"),
    forget_rotation: ("the database's password is rotated", "does not get new tasks"),
    open_the_api: ("readings", "a caller without a key is answered with 200, not 403"),
    keep_the_topic: ("destruction", "something is left: see list_topics"),
    forget_an_output: ("an image is pushed (recorded)", "the output RepositoryUri is missing"),
}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_what_is_broken_is_found(tmp_path, template, breakage):
    """In the step in which it shows, and the steps after it are left out."""
    broken = json.loads(json.dumps(template))
    breakage(broken)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    done = rehearse("--template", str(path))
    assert done.returncode == 9
    name, words = BREAKAGES[breakage]
    last = steps_of(done)[-1]
    assert (last["name"], last["skipped"]) == (name, "")
    assert words in last["off"]
    assert words in done.stderr.splitlines()[-1]


def test_without_servers_the_rest_is_rehearsed(monkeypatch, template):
    """And what is left out says why, in each step."""

    def missing():
        message = "there is no PostgreSQL: install postgresql"
        raise ServerMissingError(message)

    monkeypatch.setattr(life, "postgresql", missing)
    monkeypatch.chdir(ROOT)
    steps = list(
        life.rehearse(
            environment_named("pr1", template),
            REGION,
            ROOT / "templates/iot-pipeline.json",
            ROOT / "examples/processor/processor.py",
        )
    )
    assert [step.name for step in steps] == [name for name, _ in STEPS]
    assert not any(step.off for step in steps)
    skipped = [step for step in steps if step.skipped]
    assert len(skipped) == 6
    assert {step.skipped for step in skipped} == {"there is no PostgreSQL: install postgresql"}
    assert steps[-1].checked == ["nothing is left"]
