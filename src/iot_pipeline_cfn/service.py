"""The containers: ECS cluster, task, roles, service and its scaling."""

from dataclasses import dataclass

from awacs import ecr as ecr_actions
from awacs import logs as logs_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import xray as xray_actions
from troposphere import (
    Equals,
    GetAtt,
    If,
    Not,
    NoValue,
    Parameter,
    Ref,
    Region,
    Select,
    Split,
    Sub,
    Template,
)
from troposphere.applicationautoscaling import (
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    TargetTrackingScalingPolicyConfiguration,
)
from troposphere.ecr import Repository
from troposphere.ecs import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    ClusterSetting,
    ContainerDefinition,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    LinuxParameters,
    LogConfiguration,
    NetworkConfiguration,
    PortMapping,
    RuntimePlatform,
    Secret,
    Service,
    TaskDefinition,
    Tmpfs,
)
from troposphere.ecs import Environment as Variable
from troposphere.ecs import LoadBalancer as ServiceLoadBalancer
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from .cache import Cache
from .database import DATABASE_NAME, Database
from .encryption import Encryption
from .environment import Environment
from .load_balancer import LoadBalancing
from .log_groups import add_log_group
from .naming import environment_name, tags
from .network import Network
from .policies import allow, policy_document, trust_policy
from .sections import add_choice, add_condition, add_output, add_parameter
from .security_groups import CONTAINER_PORT, SecurityGroups

GROUP = "Containers"
COMPONENT = "containers"
CONTAINER_NAME = "iot-processor"
SECONDS_TO_START = 60
CPU_TARGET_PERCENT = 60
REQUESTS_PER_TASK_AND_MINUTE = 1000
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
class Containers:
    """The cluster and the service that runs the containers in it."""

    cluster: Cluster
    service: Service
    has_image: str


def add_service(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    security_groups: SecurityGroups,
    load_balancing: LoadBalancing,
    repository: Repository,
    database: Database,
    cache: Cache,
) -> Containers:
    """Add the service, of zero tasks as long as no image is named."""
    image_tag = add_parameter(
        template,
        Parameter(
            "ImageTag",
            Type="String",
            AllowedPattern="^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
            ConstraintDescription="A tag of at most 128 letters, digits, _, . and -.",
            Default="",
            Description="Optional: tag of an image in the environment's repository. "
            "Without, no task runs.",
        ),
        group=GROUP,
        label="Image tag",
    )
    has_image = add_condition(template, "HasImage", Not(Equals(image_tag.ref(), "")))
    log_group = add_log_group(
        template,
        "ContainerLogGroup",
        service="ecs",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
    )
    cluster = _add_cluster(template, environment, encryption)
    task_definition = _add_task_definition(
        template,
        environment,
        image=If(
            has_image,
            Sub(f"${{{repository.title}.RepositoryUri}}:${{{image_tag.title}}}"),
            # Any name that ECS takes; no task is started from it.
            Sub(f"${{{repository.title}.RepositoryUri}}:none"),
        ),
        log_group=log_group,
        execution_role=_add_execution_role(
            template,
            environment=environment,
            encryption=encryption,
            repository=repository,
            log_group=log_group,
            database=database,
            cache=cache,
        ),
        task_role=_add_task_role(template, environment, encryption, database),
        database=database,
        cache=cache,
    )
    desired_count = _count(
        template,
        "DesiredCount",
        1,
        "Tasks that run at least, once there is an image, and with which every change of the "
        "service begins.",
        "Desired count",
    )
    service = template.add_resource(
        Service(
            "Service",
            # ECS refuses a target group that no listener has tied to a load balancer yet.
            DependsOn=load_balancing.http_listener,
            AvailabilityZoneRebalancing="ENABLED",
            CapacityProviderStrategy=[
                CapacityProviderStrategyItem(
                    CapacityProvider=_capacity_provider(template).ref(), Weight=1
                )
            ],
            Cluster=cluster.ref(),
            DeploymentConfiguration=DeploymentConfiguration(
                DeploymentCircuitBreaker=DeploymentCircuitBreaker(Enable=True, Rollback=True),
                MaximumPercent=200,
                MinimumHealthyPercent=100,
            ),
            DesiredCount=If(has_image, desired_count.ref(), 0),
            EnableECSManagedTags=True,
            HealthCheckGracePeriodSeconds=SECONDS_TO_START,
            LoadBalancers=[
                ServiceLoadBalancer(
                    ContainerName=CONTAINER_NAME,
                    ContainerPort=CONTAINER_PORT,
                    TargetGroupArn=load_balancing.target_group.ref(),
                )
            ],
            NetworkConfiguration=NetworkConfiguration(
                AwsvpcConfiguration=AwsvpcConfiguration(
                    AssignPublicIp="DISABLED",
                    SecurityGroups=[security_groups.container.ref()],
                    Subnets=[subnet.ref() for subnet in network.private_subnets],
                )
            ),
            PropagateTags="SERVICE",
            Tags=tags(environment.suffix, "service", component=COMPONENT),
            TaskDefinition=task_definition.ref(),
        )
    )
    _add_scaling(
        template,
        environment=environment,
        has_image=has_image,
        desired_count=desired_count,
        cluster=cluster,
        service=service,
        load_balancing=load_balancing,
    )
    for name, description, value in (
        ("ClusterName", "Cluster.", cluster.ref()),
        ("ServiceName", "Service.", service.get_att("Name")),
        ("TaskDefinitionArn", "Task definition.", task_definition.ref()),
    ):
        add_output(template, name, description, value)
    return Containers(cluster=cluster, service=service, has_image=has_image)


def _count(template: Template, name: str, default: int, description: str, label: str) -> Parameter:
    return add_parameter(
        template,
        Parameter(
            name,
            Type="Number",
            ConstraintDescription="1 to 100.",
            Default=default,
            Description=description,
            MaxValue=100,
            MinValue=1,
        ),
        group=GROUP,
        label=label,
    )


def _capacity_provider(template: Template) -> Parameter:
    return add_choice(
        template,
        "CapacityProvider",
        ["FARGATE", "FARGATE_SPOT"],
        default="FARGATE",
        description="Spot costs less; AWS may stop its tasks with two minutes' notice.",
        group=GROUP,
        label="Capacity provider",
    )


def _add_cluster(template: Template, environment: Environment, encryption: Encryption) -> Cluster:
    insights = add_log_group(
        template,
        "ContainerInsightsLogGroup",
        service="aws/ecs/containerinsights",
        ending="/performance",
        component=COMPONENT,
        environment=environment,
        encryption=encryption,
    )
    return template.add_resource(
        Cluster(
            "Cluster",
            # Container Insights would make the group itself, which would then outlive the stack.
            DependsOn=insights,
            CapacityProviders=["FARGATE", "FARGATE_SPOT"],
            ClusterName=environment_name(environment.suffix),
            ClusterSettings=[
                ClusterSetting(
                    Name="containerInsights",
                    Value=If(environment.has_detailed_monitoring, "enhanced", "enabled"),
                )
            ],
            Tags=tags(environment.suffix, "cluster", component=COMPONENT),
        )
    )


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
    template: Template, environment: Environment, encryption: Encryption, database: Database
) -> Role:
    """Add the role of the application: it reads the password again once RDS has rotated it."""
    tracing = Policy(
        PolicyName="trace",
        PolicyDocument=policy_document(
            # X-Ray ties neither action to a resource.
            allow([xray_actions.PutTelemetryRecords, xray_actions.PutTraceSegments], ["*"])
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


def _add_task_definition(
    template: Template,
    environment: Environment,
    *,
    image: If,
    log_group: LogGroup,
    execution_role: Role,
    task_role: Role,
    database: Database,
    cache: Cache,
) -> TaskDefinition:
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
    return template.add_resource(
        TaskDefinition(
            "TaskDefinition",
            ContainerDefinitions=[
                ContainerDefinition(
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


def _add_scaling(
    template: Template,
    *,
    environment: Environment,
    has_image: str,
    desired_count: Parameter,
    cluster: Cluster,
    service: Service,
    load_balancing: LoadBalancing,
) -> None:
    """Scale between the desired and the maximum count, on CPU and on requests for each task."""
    maximum_count = _count(
        template,
        "MaximumCount",
        4,
        "Tasks that auto scaling may run; no fewer than DesiredCount.",
        "Maximum count",
    )
    target = template.add_resource(
        ScalableTarget(
            "ServiceScalableTarget",
            Condition=has_image,
            MaxCapacity=maximum_count.ref(),
            MinCapacity=desired_count.ref(),
            ResourceId=Sub(f"service/${{{cluster.title}}}/${{{service.title}.Name}}"),
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
            Tags=tags(environment.suffix, "scaling", component=COMPONENT),
        )
    )
    load_balancer = load_balancing.load_balancer.title
    target_group = load_balancing.target_group.title
    for title, metric, label, value in (
        ("CpuScalingPolicy", "ECSServiceAverageCPUUtilization", NoValue, CPU_TARGET_PERCENT),
        (
            "RequestsScalingPolicy",
            "ALBRequestCountPerTarget",
            Sub(
                f"${{{load_balancer}.LoadBalancerFullName}}/${{{target_group}.TargetGroupFullName}}"
            ),
            REQUESTS_PER_TASK_AND_MINUTE,
        ),
    ):
        template.add_resource(
            ScalingPolicy(
                title,
                Condition=has_image,
                PolicyName=title,
                PolicyType="TargetTrackingScaling",
                ScalingTargetId=target.ref(),
                TargetTrackingScalingPolicyConfiguration=TargetTrackingScalingPolicyConfiguration(
                    PredefinedMetricSpecification=PredefinedMetricSpecification(
                        PredefinedMetricType=metric, ResourceLabel=label
                    ),
                    TargetValue=value,
                ),
            )
        )
