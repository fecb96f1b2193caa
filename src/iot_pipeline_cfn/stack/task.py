"""The task: which image it runs, as what, and with what it is given."""

from dataclasses import dataclass

from awacs import ecr as ecr_actions
from awacs import logs as logs_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import xray as xray_actions
from troposphere import GetAtt, If, NoValue, Ref, Region, Select, Split, Sub, Template
from troposphere.ecr import Repository
from troposphere.ecs import (
    ContainerDefinition,
    LinuxParameters,
    LogConfiguration,
    PortMapping,
    RuntimePlatform,
    Secret,
    TaskDefinition,
    Tmpfs,
)
from troposphere.ecs import Environment as Variable
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .cache import Cache
from .context import Environment
from .database import DATABASE_NAME, Database
from .encryption import Encryption
from .log_groups import add_log_group
from .naming import environment_name, tags
from .policies import allow, policy_document, trust_policy
from .sections import add_choice, add_condition, add_optional, add_output, is_given
from .security_groups import CONTAINER_PORT

GROUP = "Containers"
COMPONENT = "containers"
CONTAINER_NAME = "iot-processor"
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
"""CPU units and MiB that Fargate sells together
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html)."""


@dataclass(frozen=True)
class Task:
    """The task definition, and the name of the condition that its image is named."""

    definition: TaskDefinition
    has_image: str


def add_task(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    repository: Repository,
    database: Database,
    cache: Cache,
) -> Task:
    """Add the task definition, its two roles and its log group."""
    image_tag = add_optional(
        template,
        IMAGE_PARAMETER,
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        constraint="A tag of at most 128 letters, digits, _, . and -.",
        description="Optional: tag of an image in the environment's repository. "
        "Without, no task runs.",
        group=GROUP,
        label="Image tag",
    )
    has_image = add_condition(template, "HasImage", is_given(image_tag))
    log_group = add_log_group(
        template,
        "ContainerLogGroup",
        service="ecs",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
    )
    execution_role = _add_execution_role(
        template,
        environment=environment,
        encryption=encryption,
        repository=repository,
        log_group=log_group,
        database=database,
        cache=cache,
    )
    task_role = _add_task_role(
        template, environment=environment, encryption=encryption, database=database
    )
    size = add_choice(
        template,
        "TaskSize",
        TASK_SIZES,
        default="256/512",
        description="CPU units and MiB of memory of each task.",
        group=GROUP,
        label="Task size",
    )
    architecture = add_choice(
        template,
        "CpuArchitecture",
        ["X86_64", "ARM64"],
        default="X86_64",
        description="What the image is built for. ARM64 costs less.",
        group=GROUP,
        label="Processor architecture",
    )
    cpu, memory = (Select(index, Split("/", size.ref())) for index in (0, 1))
    uri = f"${{{repository.title}.RepositoryUri}}"
    definition = template.add_resource(
        TaskDefinition(
            "TaskDefinition",
            ContainerDefinitions=[
                _container(
                    # Without a tag, any that ECS takes: no task is started from it.
                    image=If(has_image, Sub(f"{uri}:${{{image_tag.title}}}"), Sub(f"{uri}:none")),
                    memory=memory,
                    log_group=log_group,
                    database=database,
                    cache=cache,
                )
            ],
            Cpu=cpu,
            ExecutionRoleArn=execution_role.get_att("Arn"),
            Family=environment_name(environment.suffix),
            Memory=memory,
            NetworkMode="awsvpc",
            RequiresCompatibilities=["FARGATE"],
            RuntimePlatform=RuntimePlatform(
                CpuArchitecture=architecture.ref(), OperatingSystemFamily="LINUX"
            ),
            Tags=tags(environment.suffix, "task", component=COMPONENT),
            TaskRoleArn=task_role.get_att("Arn"),
        )
    )
    add_output(
        template, "TaskDefinitionArn", "Task definition that the service runs.", definition.ref()
    )
    return Task(definition=definition, has_image=has_image)


def _container(
    *, image: If, memory: Select, log_group: LogGroup, database: Database, cache: Cache
) -> ContainerDefinition:
    return ContainerDefinition(
        Environment=_variables(database, cache),
        Essential=True,
        Image=image,
        LinuxParameters=LinuxParameters(
            InitProcessEnabled=True,
            # The only place to write to; a volume would belong to root.
            Tmpfs=[Tmpfs(ContainerPath="/tmp", Size=64)],  # noqa: S108 - the container's own
        ),
        LogConfiguration=LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": log_group.ref(),
                "awslogs-region": Region,
                "awslogs-stream-prefix": CONTAINER_NAME,
            },
        ),
        Memory=memory,
        Name=CONTAINER_NAME,
        PortMappings=[PortMapping(ContainerPort=CONTAINER_PORT)],
        ReadonlyRootFilesystem=True,
        Secrets=_secrets(database, cache),
        User="10001:10001",
    )


def _variables(database: Database, cache: Cache) -> list[Variable]:
    values: dict[str, str | Ref | GetAtt] = {
        "DB_HOST": database.instance.get_att("Endpoint.Address"),
        "DB_NAME": DATABASE_NAME,
        "DB_PORT": database.instance.get_att("Endpoint.Port"),
        "DB_SECRET_ARN": database.secret_arn(),
        "REDIS_HOST": cache.replication_group.get_att("PrimaryEndPoint.Address"),
        "REDIS_PORT": cache.replication_group.get_att("PrimaryEndPoint.Port"),
    }
    return [Variable(Name=name, Value=value) for name, value in values.items()]


def _secrets(database: Database, cache: Cache) -> list[Secret]:
    secret_arn = f"${{{database.instance.title}.MasterUserSecret.SecretArn}}"
    return [
        Secret(Name="DB_PASSWORD", ValueFrom=Sub(f"{secret_arn}:password::")),
        Secret(Name="DB_USERNAME", ValueFrom=Sub(f"{secret_arn}:username::")),
        Secret(Name="REDIS_AUTH_TOKEN", ValueFrom=cache.auth_token.ref()),
    ]


def _add_execution_role(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    repository: Repository,
    log_group: LogGroup,
    database: Database,
    cache: Cache,
) -> Role:
    """Add the role with which ECS starts a task: image, logs, secrets."""
    role = template.add_resource(
        Role(
            "ExecutionRole",
            AssumeRolePolicyDocument=trust_policy("ecs-tasks"),
            Policies=[
                Policy(
                    PolicyName="start-tasks",
                    PolicyDocument=policy_document(
                        # The one action of these that IAM ties to no resource.
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
                            [database.secret_arn(), cache.auth_token.ref()],
                        ),
                    ),
                ),
                encryption.decrypt_policy(),
            ],
            Tags=tags(environment.suffix, "execution-role", component=COMPONENT),
        )
    )
    add_output(template, "ExecutionRoleArn", "Role that starts tasks.", role.get_att("Arn"))
    return role


def _add_task_role(
    template: Template, *, environment: Environment, encryption: Encryption, database: Database
) -> Role:
    """Add the role of the application: it reads the password again once RDS has rotated it."""
    tracing = Policy(
        PolicyName="trace",
        PolicyDocument=policy_document(
            # X-Ray ties these actions to no resource.
            allow(
                [
                    xray_actions.GetSamplingRules,
                    xray_actions.GetSamplingStatisticSummaries,
                    xray_actions.GetSamplingTargets,
                    xray_actions.PutTelemetryRecords,
                    xray_actions.PutTraceSegments,
                ],
                ["*"],
            )
        ),
    )
    role = template.add_resource(
        Role(
            "TaskRole",
            AssumeRolePolicyDocument=trust_policy("ecs-tasks"),
            Policies=[
                Policy(
                    PolicyName="read-database-secret",
                    PolicyDocument=policy_document(
                        allow([secretsmanager_actions.GetSecretValue], [database.secret_arn()])
                    ),
                ),
                encryption.decrypt_policy(),
                If(environment.has_detailed_monitoring, tracing, NoValue),
            ],
            Tags=tags(environment.suffix, "task-role", component=COMPONENT),
        )
    )
    add_output(template, "TaskRoleArn", "Role of the application.", role.get_att("Arn"))
    return role
