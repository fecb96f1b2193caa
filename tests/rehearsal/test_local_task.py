"""A task gets what its task definition says, and nothing else."""

import pytest

from breaking import DEPLOY_IMAGE, definition, properties


def remove_log_group(template):
    del definition(template)["LogConfiguration"]


def register_another_port(template):
    (registration,) = properties(template, "Service")["LoadBalancers"]
    registration["ContainerPort"] = 9090
    definition(template)["PortMappings"][0]["ContainerPort"] = 9090


def add_container(template):
    containers = properties(template, "TaskDefinition")["ContainerDefinitions"]
    containers.append({"Name": "other", "Image": "other"})


def misspell_secret_key(template):
    (secret,) = [one for one in definition(template)["Secrets"] if one["Name"] == "DB_PASSWORD"]
    secret["ValueFrom"] = {"Fn::Sub": "${Database.MasterUserSecret.SecretArn}:passwort::"}


@pytest.mark.parametrize(
    ("breakage", "code", "details"),
    [
        (remove_log_group, "log-group-missing", {"name": ""}),
        (register_another_port, "container-port", {"port": 9090}),
        (add_container, "containers", {"count": 2}),
        (misspell_secret_key, "secret-unreadable", {"name": "DB_PASSWORD"}),
    ],
)
def test_broken_task_definition_starts_no_task(failure_of, breakage, code, details):
    failure = failure_of(breakage, *DEPLOY_IMAGE)
    assert failure.code == code
    assert failure.details.items() >= details.items()
