"""The task definition: size, container, variables, secrets, roles."""

from resolution import container_of, name_of, only, resolve


def test_task_runs_on_fargate_with_the_container_on_port_8080(environments):
    task = only(environments["defaults"], "ECS::TaskDefinition")
    assert (task["Cpu"], task["Memory"]) == ("256", "512")
    assert task["NetworkMode"] == "awsvpc"
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    container = container_of(environments["defaults"])
    assert container["Name"] == "iot-processor"
    assert container["Memory"] == "512"
    assert container["PortMappings"] == [{"ContainerPort": 8080}]


def test_container_writes_only_to_tmp_and_is_not_root(environments):
    container = container_of(environments["defaults"])
    assert container["ReadonlyRootFilesystem"] is True
    (tmpfs,) = container["LinuxParameters"]["Tmpfs"]
    assert tmpfs["ContainerPath"] == "/tmp"  # noqa: S108 - the container's own
    assert all(int(number) > 0 for number in container["User"].split(":"))


def test_container_receives_addresses_as_variables_and_credentials_as_secrets(environments):
    container = container_of(environments["defaults"])
    variables = {entry["Name"]: name_of(entry["Value"]) for entry in container["Environment"]}
    assert variables == {
        "DB_HOST": "Database.Endpoint.Address",
        "DB_NAME": "iotdb",
        "DB_PORT": "Database.Endpoint.Port",
        "DB_SECRET_ARN": "Database.MasterUserSecret.SecretArn",
        "REDIS_HOST": "Cache.PrimaryEndPoint.Address",
        "REDIS_PORT": "Cache.PrimaryEndPoint.Port",
    }
    secrets = {entry["Name"]: name_of(entry["ValueFrom"]) for entry in container["Secrets"]}
    assert secrets == {
        "DB_PASSWORD": "${Database.MasterUserSecret.SecretArn}:password::",
        "DB_USERNAME": "${Database.MasterUserSecret.SecretArn}:username::",
        "REDIS_AUTH_TOKEN": "CacheAuthToken",
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
