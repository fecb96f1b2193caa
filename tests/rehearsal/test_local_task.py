"""A task gets what its task definition says, and nothing else."""

import pytest

from breaking import DEPLOY_IMAGE, definition, properties


def remove_log_group(template):
    del definition(template)["LogConfiguration"]


def register_another_port(template):
    (registration,) = properties(template, "Service")["LoadBalancers"]
    registration["ContainerPort"] = 9090
    definition(template)["PortMappings"][0]["ContainerPort"] = 9090


def wait_for_the_start_only(template):
    definition(template)["DependsOn"][0]["Condition"] = "START"


def migrate_as_the_application(template):
    migration, application = properties(template, "TaskDefinition")["ContainerDefinitions"]
    sources = {secret["Name"]: secret["ValueFrom"] for secret in application["Secrets"]}
    for secret in migration["Secrets"]:
        secret["ValueFrom"] = sources[secret["Name"].replace("DB_MASTER", "DB")]


def start_without_migration(template):
    del definition(template)["DependsOn"]


def misspell_secret_key(template):
    (secret,) = [one for one in definition(template)["Secrets"] if one["Name"] == "DB_PASSWORD"]
    secret["ValueFrom"] = {"Fn::Sub": "${ApplicationSecret}:passwort::"}


@pytest.mark.parametrize(
    ("breakage", "code", "details"),
    [
        (remove_log_group, "log-group-missing", {"name": ""}),
        (register_another_port, "container-port", {"port": 9090}),
        (wait_for_the_start_only, "unknown-dependency", {"state": "START"}),
        (migrate_as_the_application, "container-ended", {"status": 1}),
        (start_without_migration, "container-unhealthy", {"path": "/ready", "answer": "503"}),
        (misspell_secret_key, "secret-unreadable", {"name": "DB_PASSWORD"}),
    ],
)
def test_broken_task_definition_starts_no_task(failure_of, breakage, code, details):
    failure = failure_of(breakage, *DEPLOY_IMAGE)
    assert failure.code == code
    assert failure.details.items() >= details.items()
