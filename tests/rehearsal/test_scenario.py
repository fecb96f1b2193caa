"""The scenario finds broken templates, each in the step and by the check that is about it."""

import json
from contextlib import ExitStack, nullcontext

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.rehearsal_wording import check_sentence
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.rehearsal import container, scenario, servers
from iot_pipeline_cfn.rehearsal.checks import ServerMissing
from iot_pipeline_cfn.rehearsal.runner import run_step
from iot_pipeline_cfn.rehearsal.scenario import STEPS, Scenario

PROCESSOR = ROOT / "examples/processor/processor.py"


@pytest.fixture(scope="module")
def stores():
    """A PostgreSQL and a Redis server for all tests of this module."""
    with servers.postgresql_server("iotdb") as database, servers.redis_server() as cache:
        yield database, cache


@pytest.fixture
def empty_stores(stores, monkeypatch):
    """The shared servers without data, in place of those that the scenario would start."""
    database, cache = stores
    with database.connect() as session:
        session.execute("DROP TABLE IF EXISTS readings")
    with cache.connect() as client:
        client.flushall()
    monkeypatch.setattr(scenario, "postgresql_server", lambda _: nullcontext(database))
    monkeypatch.setattr(scenario, "redis_server", lambda: nullcontext(cache))


@pytest.fixture
def run_steps(tmp_path, connect_to):
    """A function that runs steps of the scenario, up to a failure, in a new account."""
    with ExitStack() as resources:

        def run_steps(template, *names, environment="pr1"):
            path = tmp_path / "template.json"
            path.write_text(json.dumps(template))
            named, request = load_request(environment, path, ROOT / "parameters")
            steps = []
            created = Scenario(named, request, connect_to(), PROCESSOR, resources)
            for name in names:
                steps.append(run_step(name, STEPS[name], created))
                if steps[-1].failure:
                    break
            return steps

        yield run_steps


def definition(template):
    (container,) = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    return container


def properties(template, name):
    return template["Resources"][name]["Properties"]


def remove_integration(template):
    del properties(template, "IngestMethod")["Integration"]


def remove_log_group(template):
    del definition(template)["LogConfiguration"]


def want_tasks_without_image(template):
    properties(template, "Service")["DesiredCount"] = 1


def rename_secret(template):
    (secret,) = [one for one in definition(template)["Secrets"] if one["Name"] == "DB_PASSWORD"]
    secret["Name"] = "DATABASE_PASSWORD"


def disable_rotation_rule(template):
    properties(template, "DatabaseSecretRotatedRule")["State"] = "DISABLED"


def require_no_api_key(template):
    properties(template, "IngestMethod")["ApiKeyRequired"] = False


def retain_topic(template):
    template["Resources"]["AlarmTopic"]["DeletionPolicy"] = "Retain"


def remove_output(template):
    del template["Outputs"]["RepositoryUri"]


def swap_addresses(template):
    values = {pair["Name"]: pair for pair in definition(template)["Environment"]}
    values["DB_HOST"]["Value"] = values["REDIS_HOST"]["Value"]


def register_another_port(template):
    (registration,) = properties(template, "Service")["LoadBalancers"]
    registration["ContainerPort"] = 9090
    definition(template)["PortMappings"][0]["ContainerPort"] = 9090


def name_repository_in_capitals(template):
    properties(template, "Repository")["RepositoryName"] = "IoT-Pipeline"


def need_six_addresses(template):
    address = {"Type": "AWS::EC2::EIP", "Properties": {}}
    template["Resources"] |= {f"Address{number}": address for number in range(6)}


DEPLOY_IMAGE = ("create", "push-image", "start-tasks")
BREAKAGES = {
    remove_integration: ((*DEPLOY_IMAGE, "ingest"), "reading-refused", {"status": 500}),
    name_repository_in_capitals: (("create",), "deployment-failed", {"reason": "preflight"}),
    need_six_addresses: (("create",), "deployment-failed", {"reason": "preflight"}),
    remove_log_group: (DEPLOY_IMAGE, "log-group-missing", {"name": ""}),
    want_tasks_without_image: (("create",), "wrong-number-of-tasks", {"desired": 1}),
    rename_secret: (DEPLOY_IMAGE, "container-ended", {"status": 1}),
    swap_addresses: (DEPLOY_IMAGE, "container-unhealthy", {"answer": "503"}),
    register_another_port: (DEPLOY_IMAGE, "container-port", {"port": 9090}),
    disable_rotation_rule: ((*DEPLOY_IMAGE, "rotate-password"), "service-not-restarted", {}),
    require_no_api_key: (
        (*DEPLOY_IMAGE, "ingest"),
        "wrong-status",
        {"request": "unauthorized", "status": 200},
    ),
    retain_topic: (("create", "destroy"), "leftovers", {"operations": ["list_topics"]}),
    remove_output: (("create", "push-image"), "output-missing", {"name": "RepositoryUri"}),
}
"""The steps that each breakage needs, and the code and details of the failure of the last one."""


@pytest.mark.usefixtures("empty_stores")
@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_breakage_fails_the_step_that_it_concerns(template, run_steps, breakage, monkeypatch):
    broken = json.loads(json.dumps(template))
    breakage(broken)
    names, code, details = BREAKAGES[breakage]
    monkeypatch.setattr(scenario, "PATIENCE_SECONDS", 3)
    monkeypatch.setattr(container, "START_SECONDS", 6)
    *before, last = run_steps(broken, *names)
    assert not any(step.failure or step.skipped for step in before)
    assert last.name == names[-1]
    assert last.failure.code == code
    assert last.failure.details.items() >= details.items()
    assert check_sentence(last.failure)


def test_protected_environment_leaves_no_load_balancer(template, run_steps):
    steps = run_steps(template, "create", "private-ingress", "destroy", environment="staging")
    assert not any(step.failure for step in steps)
    _, private, destroyed = ([check.code for check in step.checks] for step in steps)
    assert private == ["load-balancer-internal"]
    assert destroyed == ["deletion-refused", "no-leftovers"]


def test_steps_that_need_missing_servers_are_skipped(template, run_steps, monkeypatch):
    def missing(_):
        raise ServerMissing("server-missing", server="PostgreSQL", package="postgresql")

    monkeypatch.setattr(scenario, "postgresql_server", missing)
    steps = run_steps(template, *STEPS)
    assert [step.name for step in steps] == [*STEPS]
    assert not any(step.failure for step in steps)
    skipped = [step for step in steps if step.skipped]
    assert len(skipped) == 6
    assert {step.skipped.details["server"] for step in skipped} == {"PostgreSQL"}
    assert [check.code for check in steps[-1].checks] == ["no-leftovers"]
