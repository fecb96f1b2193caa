"""The task definition: image, size, roles, variables and secrets of its two containers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awacs import ecr as ecr_actions
from awacs import logs as logs_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import xray as xray_actions
from troposphere import (
    AWSHelperFn,
    If,
    Join,
    Parameter,
    Region,
    Select,
    Split,
    Sub,
    ecs,
)
from troposphere.ecr import Repository
from troposphere.iam import Role
from troposphere.logs import LogGroup

from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .cache import Cache
from .conditions import Condition, is_given
from .context import Context
from .database import DATABASE_NAME, Database
from .logs import add_log_group
from .policies import allow, inline_policy, trust_policy
from .security_groups import CONTAINER_PORT

CONTAINER_NAME = "iot-processor"
MIGRATION_NAME = "migration"
MIGRATION_COMMAND = ("migrate",)
"""The command with which the image prepares the database."""
MIGRATION_SECONDS = 120
"""The longest time for which another container waits on Fargate
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html)."""

TASK_SIZES = (
    "256/512",
    "256/1024",
    "512/1024",
    "512/2048",
    "1024/2048",
    "1024/4096",
    "2048/4096",
    "2048/8192",
    "4096/8192",
)
"""The combinations of CPU units and MiB that Fargate offers
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html)."""


@dataclass(frozen=True)
class Task:
    """The task definition, and the condition that an image is given."""

    definition: ecs.TaskDefinition
    has_image: Condition


def add_task(context: Context, *, repository: Repository, database: Database, cache: Cache) -> Task:
    """Add the task definition, its two roles and its log group."""
    image_tag = context.add_optional(
        IMAGE_PARAMETER,
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64}",
        constraint="A tag of at most 128 letters, digits, _, . and -, or a digest, sha256:...",
        description="Optional: tag or digest of an image in the environment's repository. "
        "Without one, no task runs.",
        label="Image tag or digest",
    )
    has_image = context.add_condition("HasImage", is_given(image_tag))
    log_group = add_log_group(context, "ContainerLogGroup", service="ecs", writer="containers")
    execution_role = _add_execution_role(
        context, repository=repository, log_group=log_group, database=database, cache=cache
    )
    task_role = _add_task_role(context, database=database)
    size = context.add_choice(
        "TaskSize",
        TASK_SIZES,
        default="256/512",
        description="CPU units and MiB of memory of each task.",
        label="Task size",
    )
    # No file sets it, because it depends on how the image was built.
    architecture = context.add_choice(
        "CpuArchitecture",
        ["X86_64", "ARM64"],
        default="X86_64",
        description="Processor architecture of the image. ARM64 costs less.",
        label="Processor architecture",
    )
    cpu, memory = (Select(index, Split("/", size.ref())) for index in (0, 1))
    containers = _containers(
        image=_image(repository, image_tag, has_image),
        log_group=log_group,
        database=database,
        cache=cache,
    )
    definition = context.add(
        ecs.TaskDefinition(
            "TaskDefinition",
            ContainerDefinitions=containers,
            Cpu=cpu,
            ExecutionRoleArn=execution_role.get_att("Arn"),
            Family=context.environment_name(),
            Memory=memory,
            NetworkMode="awsvpc",
            RequiresCompatibilities=["FARGATE"],
            RuntimePlatform=ecs.RuntimePlatform(
                CpuArchitecture=architecture.ref(), OperatingSystemFamily="LINUX"
            ),
            TaskRoleArn=task_role.get_att("Arn"),
        )
    )
    context.add_output(
        "TaskDefinitionArn", "Task definition that the service runs.", definition.ref()
    )
    return Task(definition=definition, has_image=has_image)


def _image(repository: Repository, image_tag: Parameter, has_image: Condition) -> If:
    """Return the reference to the image: `repository:tag`, or `repository@sha256:...`."""
    # A tag has no colon, so nothing of it is replaced.
    name = Join("@sha256:", Split(":sha256:", Sub(f":${{{image_tag.title}}}")))
    uri = f"${{{repository.title}.RepositoryUri}}"
    # Without an image no task starts, but ECS requires a valid reference.
    return has_image.choose(Sub(f"{uri}${{Name}}", Name=name), Sub(f"{uri}:none"))


def _containers(
    *, image: If, log_group: LogGroup, database: Database, cache: Cache
) -> list[ecs.ContainerDefinition]:
    """Return the container of the application, and the migration that runs before it.

    If the migration fails, ECS starts another task.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
    """
    address: dict[str, AWSHelperFn | str] = {
        "DB_HOST": database.instance.get_att("Endpoint.Address"),
        "DB_NAME": DATABASE_NAME,
        "DB_PORT": database.instance.get_att("Endpoint.Port"),
        "DB_SECRET_ARN": database.application_secret.ref(),
    }
    migration = _container(
        MIGRATION_NAME,
        variables=address,
        secrets=_login("DB_MASTER", f"{database.instance.title}.MasterUserSecret.SecretArn"),
        image=image,
        log_group=log_group,
        Command=list(MIGRATION_COMMAND),
        Essential=False,
        StartTimeout=MIGRATION_SECONDS,
    )
    application = _container(
        CONTAINER_NAME,
        variables=address
        | {
            "REDIS_HOST": cache.replication_group.get_att("PrimaryEndPoint.Address"),
            "REDIS_PORT": cache.replication_group.get_att("PrimaryEndPoint.Port"),
        },
        secrets=_login("DB", str(database.application_secret.title))
        | {"REDIS_AUTH_TOKEN": cache.auth_token.ref()},
        image=image,
        log_group=log_group,
        DependsOn=[ecs.ContainerDependency(ContainerName=MIGRATION_NAME, Condition="SUCCESS")],
        Essential=True,
        PortMappings=[ecs.PortMapping(ContainerPort=CONTAINER_PORT)],
    )
    return [migration, application]


def _login(prefix: str, secret: str) -> dict[str, AWSHelperFn]:
    """Return the sources of a name and a password in a secret, by the names of their variables."""
    return {
        f"{prefix}_{key.upper()}": Sub(f"${{{secret}}}:{key}::") for key in ("password", "username")
    }


def _container(
    name: str,
    *,
    variables: Mapping[str, AWSHelperFn | str],
    secrets: Mapping[str, AWSHelperFn],
    image: If,
    log_group: LogGroup,
    **properties: Any,
) -> ecs.ContainerDefinition:
    """Return a container, which shares the memory of the task with the others."""
    return ecs.ContainerDefinition(
        Environment=[ecs.Environment(Name=key, Value=value) for key, value in variables.items()],
        Image=image,
        LinuxParameters=ecs.LinuxParameters(
            InitProcessEnabled=True,
            # The only writable path. A volume would be owned by root.
            Tmpfs=[ecs.Tmpfs(ContainerPath="/tmp", Size=64)],  # noqa: S108 - the container's own
        ),
        LogConfiguration=ecs.LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": log_group.ref(),
                "awslogs-region": Region,
                "awslogs-stream-prefix": name,
            },
        ),
        Name=name,
        ReadonlyRootFilesystem=True,
        Secrets=[ecs.Secret(Name=key, ValueFrom=source) for key, source in secrets.items()],
        User="10001:10001",
        **properties,
    )


def _add_execution_role(
    context: Context,
    *,
    repository: Repository,
    log_group: LogGroup,
    database: Database,
    cache: Cache,
) -> Role:
    """Add the role with which ECS starts a task: it reads image and secrets and writes logs."""
    role = context.add(
        Role(
            "ExecutionRole",
            AssumeRolePolicyDocument=trust_policy("ecs-tasks"),
            Policies=[
                inline_policy(
                    "start-tasks",
                    # IAM cannot restrict this action to a resource.
                    allow([ecr_actions.GetAuthorizationToken], ["*"]),
                    allow(
                        [
                            ecr_actions.BatchCheckLayerAvailability,
                            ecr_actions.BatchGetImage,
                            ecr_actions.GetDownloadUrlForLayer,
                        ],
                        [repository.get_att("Arn")],
                    ),
                    allow(
                        [logs_actions.CreateLogStream, logs_actions.PutLogEvents],
                        [log_group.get_att("Arn")],
                    ),
                    allow(
                        [secretsmanager_actions.GetSecretValue],
                        [
                            database.secret_arn(),
                            database.application_secret.ref(),
                            cache.auth_token.ref(),
                        ],
                    ),
                ),
                context.encryption.decrypt_policy(),
            ],
        )
    )
    context.add_output("ExecutionRoleArn", "Role that starts tasks.", role.get_att("Arn"))
    return role


def _add_task_role(context: Context, *, database: Database) -> Role:
    """Add the role of both containers, which read the application's secret after a rotation."""
    read_secret = allow(
        [secretsmanager_actions.GetSecretValue], [database.application_secret.ref()]
    )
    # IAM cannot restrict the actions of X-Ray to a resource.
    trace = allow(
        [
            xray_actions.GetSamplingRules,
            xray_actions.GetSamplingStatisticSummaries,
            xray_actions.GetSamplingTargets,
            xray_actions.PutTelemetryRecords,
            xray_actions.PutTraceSegments,
        ],
        ["*"],
    )
    role = context.add(
        Role(
            "TaskRole",
            AssumeRolePolicyDocument=trust_policy("ecs-tasks"),
            Policies=[
                inline_policy("read-application-secret", read_secret),
                context.encryption.decrypt_policy(),
                context.has_detailed_monitoring.choose(inline_policy("trace", trace)),
            ],
        )
    )
    context.add_output("TaskRoleArn", "Role of the application.", role.get_att("Arn"))
    return role
