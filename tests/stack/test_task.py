"""The task definition: size, containers, variables, secrets, roles."""

import pytest

from iot_pipeline_cfn.template.parameters import check_value
from resolution import container_of, containers_of, name_of, only, resolve

DIGEST = f"sha256:{'a' * 64}"


def test_task_runs_on_fargate_with_the_container_on_port_8080(environments):
    task = only(environments["defaults"], "ECS::TaskDefinition")
    assert (task["Cpu"], task["Memory"]) == ("256", "512")
    assert task["NetworkMode"] == "awsvpc"
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert container_of(environments["defaults"])["PortMappings"] == [{"ContainerPort": 8080}]


def test_containers_share_the_memory_of_the_task(environments):
    """The sum of the limits of containers must not exceed the task's.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
    """
    for container in containers_of(environments["defaults"]).values():
        assert not {"Cpu", "Memory", "MemoryReservation"} & container.keys()


def test_containers_write_only_to_tmp_and_are_not_root(environments):
    for container in containers_of(environments["defaults"]).values():
        assert container["ReadonlyRootFilesystem"] is True
        (tmpfs,) = container["LinuxParameters"]["Tmpfs"]
        assert tmpfs["ContainerPath"] == "/tmp"  # noqa: S108 - the container's own
        assert all(int(number) > 0 for number in container["User"].split(":"))


def test_migration_succeeds_before_the_application_starts(environments):
    """ECS lets a container depend on the success of another only if that is not essential."""
    migration, application = containers_of(environments["defaults"]).values()
    assert (migration["Name"], migration["Essential"]) == ("migration", False)
    assert migration["Command"] == ["migrate"]
    assert migration["StartTimeout"] == 120
    assert migration["Image"] == application["Image"]
    assert application["Essential"] is True
    assert application["DependsOn"] == [{"Condition": "SUCCESS", "ContainerName": "migration"}]


@pytest.mark.parametrize(
    ("name", "reference"),
    [("", ":none"), ("v1", ":v1"), ("sha256", ":sha256"), (DIGEST, f"@{DIGEST}")],
)
def test_image_is_named_by_tag_or_by_digest(template, name, reference):
    """The reference of a tag is what it was before there were digests."""
    for container in containers_of(resolve(template, {"ImageTag": name})).values():
        written = container["Image"]["Fn::Sub"].replace("${ImageTag}", name)
        assert written == f"${{Repository.RepositoryUri}}{reference}"


@pytest.mark.parametrize("name", [DIGEST[:-1], f"{DIGEST}0", "a:b", "-v1", DIGEST.upper()])
def test_image_has_neither_another_tag_nor_another_digest(template, name):
    declaration = template["Parameters"]["ImageTag"]
    assert check_value("ImageTag", declaration, name).code == "pattern-mismatch"
    assert check_value("ImageTag", declaration, DIGEST) is None


def test_containers_receive_addresses_as_variables(environments):
    database = {
        "DB_HOST": "Database.Endpoint.Address",
        "DB_NAME": "iotdb",
        "DB_PORT": "Database.Endpoint.Port",
        "DB_SECRET_ARN": "ApplicationSecret",
    }
    cache = {
        "REDIS_HOST": "Cache.PrimaryEndPoint.Address",
        "REDIS_PORT": "Cache.PrimaryEndPoint.Port",
    }
    variables = {
        name: {entry["Name"]: name_of(entry["Value"]) for entry in container["Environment"]}
        for name, container in containers_of(environments["defaults"]).items()
    }
    assert variables == {"migration": database, "iot-processor": database | cache}


def test_only_the_migration_receives_the_credentials_of_the_master_user(environments):
    secrets = {
        name: {entry["Name"]: name_of(entry["ValueFrom"]) for entry in container["Secrets"]}
        for name, container in containers_of(environments["defaults"]).items()
    }
    assert secrets == {
        "migration": {
            "DB_MASTER_PASSWORD": "${Database.MasterUserSecret.SecretArn}:password::",
            "DB_MASTER_USERNAME": "${Database.MasterUserSecret.SecretArn}:username::",
        },
        "iot-processor": {
            "DB_PASSWORD": "${ApplicationSecret}:password::",
            "DB_USERNAME": "${ApplicationSecret}:username::",
            "REDIS_AUTH_TOKEN": "CacheAuthToken",
        },
    }


def test_task_has_an_execution_role_and_a_task_role(environments):
    for environment in environments.values():
        task = only(environment, "ECS::TaskDefinition")
        assert task["ExecutionRoleArn"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}
        assert task["TaskRoleArn"] == {"Fn::GetAtt": ["TaskRole", "Arn"]}


def test_every_task_size_is_a_combination_that_fargate_offers(template):
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html."""
    for size in template["Parameters"]["TaskSize"]["AllowedValues"]:
        task = only(resolve(template, {"TaskSize": size}), "ECS::TaskDefinition")
        cpu, memory = int(task["Cpu"]), int(task["Memory"])
        assert 2 * cpu <= memory <= 8 * cpu
