"""The containers: registry, cluster, task definition and service."""

from fnmatch import fnmatchcase

import pytest

from .observed import PRIVATE, check


def test_cluster_has_container_insights(environment):
    name = environment.outputs["ClusterName"]
    cluster = environment.describe(
        "ecs", "describe_clusters", "clusters", clusters=[name], include=["SETTINGS"]
    )
    wanted = "enhanced" if environment.has("Monitoring", "detailed") else "enabled"
    settings = {each["name"]: each["value"] for each in cluster["settings"]}
    check(name, settings, {"containerInsights": wanted})


def test_repository_scans_images_and_has_immutable_tags(environment):
    uri = environment.outputs["RepositoryUri"]
    repository = environment.describe(
        "ecr",
        "describe_repositories",
        "repositories",
        repositoryNames=[uri.partition("/")[2]],
    )
    check(
        uri,
        repository,
        {
            "imageScanningConfiguration": {"scanOnPush": True},
            "imageTagMutability": "IMMUTABLE",
            "repositoryUri": uri,
        },
    )


def test_task_runs_on_fargate(environment):
    cpu, memory = environment.parameters["TaskSize"].split("/")
    check(
        environment.outputs["TaskDefinitionArn"],
        environment.task,
        {
            "cpu": cpu,
            "memory": memory,
            "executionRoleArn": environment.outputs["ExecutionRoleArn"],
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "status": "ACTIVE",
            "taskRoleArn": environment.outputs["TaskRoleArn"],
        },
    )
    ports = [each["containerPort"] for each in environment.container["portMappings"]]
    assert ports == [8080], f"the container listens on {ports} and should on 8080"


@pytest.mark.parametrize("role", ["ExecutionRoleArn", "TaskRoleArn"])
def test_only_tasks_may_assume_their_roles(environment, role):
    name = environment.outputs[role].rpartition("/")[2]
    trust = environment.call("iam", "get_role", RoleName=name)["Role"]
    trusted = [each["Principal"] for each in trust["AssumeRolePolicyDocument"]["Statement"]]
    assert trusted == [{"Service": "ecs-tasks.amazonaws.com"}], f"{role} trusts {trusted}"


SECRETS = {
    "ExecutionRoleArn": ["ApplicationSecretArn", "CacheAuthTokenArn", "DatabaseSecretArn"],
    "TaskRoleArn": ["ApplicationSecretArn"],
}
"""The outputs of the secrets that each role may read."""


@pytest.mark.parametrize("role", SECRETS)
def test_roles_read_the_secrets_of_their_environment_only(environment, role):
    name = environment.outputs[role].rpartition("/")[2]
    attached = environment.list(
        "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name
    )
    assert not attached, f"{role} has the policies {attached} besides its own"
    statements = [
        statement
        for policy in environment.list("iam", "list_role_policies", "PolicyNames", RoleName=name)
        for statement in environment.call(
            "iam", "get_role_policy", RoleName=name, PolicyName=policy
        )["PolicyDocument"]["Statement"]
    ]
    found = {
        resource
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in _several(statement.get("Action", "*"))
        if fnmatchcase("secretsmanager:getsecretvalue", action.lower())
        for resource in _several(statement.get("Resource", "*"))
    }
    wanted = {environment.outputs[each] for each in SECRETS[role]}
    assert found == wanted, f"{role} reads the secrets {sorted(found)}, and should {sorted(wanted)}"


def _several(value):
    return [value] if isinstance(value, str) else value


def test_image_is_from_the_repository_of_the_environment(environment):
    name = environment.parameters["ImageTag"] or "none"
    image = f"{environment.outputs['RepositoryUri']}{'@' if ':' in name else ':'}{name}"
    for name, container in environment.containers.items():
        check(name, container, {"image": image})


def test_log_group_of_the_containers_exists(environment):
    for name, container in environment.containers.items():
        check(
            f"where {name} logs",
            container.get("logConfiguration", {}).get("options", {}),
            {
                "awslogs-group": environment.outputs["ContainerLogGroupName"],
                "awslogs-region": environment.connection.region,
            },
        )


def test_migration_succeeds_before_the_application_starts(environment):
    check("the migration", environment.containers["migration"], {"essential": False})
    dependency = {"condition": "SUCCESS", "containerName": "migration"}
    check("the application", environment.container, {"dependsOn": [dependency]})


def test_container_has_the_addresses_of_database_and_cache(environment):
    outputs = environment.outputs
    check(
        "the variables of the container",
        {each["name"]: each["value"] for each in environment.container["environment"]},
        {
            "DB_HOST": outputs["DatabaseEndpointAddress"],
            "DB_NAME": outputs["DatabaseName"],
            "DB_PORT": outputs["DatabaseEndpointPort"],
            "DB_SECRET_ARN": outputs["ApplicationSecretArn"],
            "REDIS_HOST": outputs["CachePrimaryEndpointAddress"],
            "REDIS_PORT": outputs["CachePort"],
        },
    )


def test_credentials_come_from_secrets_manager(environment):
    outputs = environment.outputs
    wanted = {
        "iot-processor": {
            "DB_PASSWORD": f"{outputs['ApplicationSecretArn']}:password::",
            "DB_USERNAME": f"{outputs['ApplicationSecretArn']}:username::",
            "REDIS_AUTH_TOKEN": outputs["CacheAuthTokenArn"],
        },
        "migration": {
            "DB_MASTER_PASSWORD": f"{outputs['DatabaseSecretArn']}:password::",
            "DB_MASTER_USERNAME": f"{outputs['DatabaseSecretArn']}:username::",
        },
    }
    for name, container in environment.containers.items():
        secrets = {each["name"]: each["valueFrom"] for each in container.get("secrets", [])}
        assert secrets == wanted[name], f"{name} gets the secrets {secrets}, not {wanted[name]}"
        plain = wanted[name].keys() & {each["name"] for each in container["environment"]}
        assert not plain, f"{sorted(plain)} are plain variables of the task definition"


def test_service_is_in_the_private_subnets(environment):
    awsvpc = environment.service["networkConfiguration"]["awsvpcConfiguration"]
    check(environment.outputs["ServiceName"], awsvpc, {"assignPublicIp": "DISABLED"})
    found, wanted = set(awsvpc["subnets"]), environment.ids(PRIVATE)
    assert found == wanted, f"tasks start in {sorted(found)} and should in {sorted(wanted)}"


def test_service_is_registered_with_the_target_group(environment):
    registered = {
        (each["targetGroupArn"], each["containerName"], each["containerPort"])
        for each in environment.service["loadBalancers"]
    }
    wanted = (environment.outputs["TargetGroupArn"], "iot-processor", 8080)
    assert registered == {wanted}, (
        f"the service is registered with {registered or 'no target group'} and should be with "
        f"{wanted}: no request reaches a task"
    )


def test_service_wants_the_right_number_of_tasks(environment):
    service = environment.service
    name = service["serviceName"]
    check(
        name,
        service,
        {"status": "ACTIVE", "taskDefinition": environment.outputs["TaskDefinitionArn"]},
    )
    desired = service["desiredCount"]
    if environment.parameters["ImageTag"]:
        least, most = (
            int(environment.parameters[each]) for each in ("DesiredCount", "MaximumCount")
        )
        assert least <= desired <= most, f"{name} wants {desired} tasks, not {least} to {most}"
    else:
        assert desired == 0, f"{name} wants {desired} tasks, though no image is named: they hang"


@pytest.mark.aws("tasks of the emulator are running at once, whatever the image")
def test_tasks_are_running(environment):
    service = environment.service
    check(
        service["serviceName"],
        service | {"deployments": [each["rolloutState"] for each in service["deployments"]]},
        {"runningCount": service["desiredCount"], "deployments": ["COMPLETED"]},
    )
