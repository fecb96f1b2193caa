"""The ECS cluster and the service that runs the tasks, with its scaling."""

from dataclasses import dataclass

from troposphere import If, NoValue, Parameter, Sub, ecs
from troposphere import applicationautoscaling as autoscaling

from iot_pipeline_cfn.template.parameters import COUNT_PARAMETER

from .conditions import is_given
from .context import Context
from .logs import add_log_group
from .network import Network
from .security_groups import CONTAINER_PORT, SecurityGroups
from .targets import LoadBalancing
from .task import CONTAINER_NAME, Task

MAXIMUM_TASKS = 100
SECONDS_TO_START = 60
CPU_TARGET_PERCENT = 60
REQUESTS_PER_TASK_AND_MINUTE = 1000


@dataclass(frozen=True)
class Containers:
    """The cluster and the service that runs the containers in it."""

    cluster: ecs.Cluster
    service: ecs.Service


def add_service(
    context: Context,
    *,
    network: Network,
    security_groups: SecurityGroups,
    load_balancing: LoadBalancing,
    task: Task,
) -> Containers:
    """Add the cluster and the service, with zero tasks unless an image tag is given."""
    capacity_provider = context.add_choice(
        "CapacityProvider",
        ["FARGATE", "FARGATE_SPOT"],
        default="FARGATE",
        description="Spot costs less, but AWS can stop its tasks with two minutes' notice.",
        label="Capacity provider",
    )
    desired_count, start_count = _add_counts(context, task=task)
    cluster = _add_cluster(context)
    service = context.add(
        ecs.Service(
            "Service",
            # ECS refuses a target group that no rule has associated with a load balancer yet.
            DependsOn=load_balancing.rule,
            AvailabilityZoneRebalancing="ENABLED",
            CapacityProviderStrategy=[
                ecs.CapacityProviderStrategyItem(CapacityProvider=capacity_provider.ref(), Weight=1)
            ],
            Cluster=cluster.ref(),
            DeploymentConfiguration=ecs.DeploymentConfiguration(
                DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(
                    Enable=True,
                    # Otherwise tasks that become healthy and then fail never end a deployment.
                    ResetOnHealthyTask=False,
                    Rollback=True,
                ),
                MaximumPercent=200,
                MinimumHealthyPercent=100,
            ),
            DesiredCount=start_count,
            EnableECSManagedTags=True,
            # ECS changes the capacity provider only in a forced deployment, and only a new nonce
            # forces one (https://github.com/aws/aws-cdk/issues/36563).
            ForceNewDeployment=ecs.ForceNewDeployment(
                EnableForceNewDeployment=True, ForceNewDeploymentNonce=capacity_provider.ref()
            ),
            HealthCheckGracePeriodSeconds=SECONDS_TO_START,
            LoadBalancers=[
                ecs.LoadBalancer(
                    ContainerName=CONTAINER_NAME,
                    ContainerPort=CONTAINER_PORT,
                    TargetGroupArn=load_balancing.target_group.ref(),
                )
            ],
            NetworkConfiguration=ecs.NetworkConfiguration(
                AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                    AssignPublicIp="DISABLED",
                    SecurityGroups=[security_groups.container.ref()],
                    Subnets=network.private_subnet_ids,
                )
            ),
            PropagateTags="SERVICE",
            TaskDefinition=task.definition.ref(),
        )
    )
    containers = Containers(cluster=cluster, service=service)
    _add_scaling(
        context,
        task=task,
        desired_count=desired_count,
        containers=containers,
        load_balancing=load_balancing,
    )
    context.add_output("ClusterName", "ECS cluster.", cluster.ref())
    context.add_output("ServiceName", "ECS service in the cluster.", service.get_att("Name"))
    return containers


def _add_counts(context: Context, *, task: Task) -> tuple[Parameter, If]:
    """Add the minimum of tasks; return it with the number of tasks after an update."""
    desired_count = context.add_number(
        "DesiredCount",
        default=1,
        maximum=MAXIMUM_TASKS,
        description="Minimum number of tasks once there is an image.",
        label="Desired count",
    )
    # CloudFormation sends DesiredCount with every update of the service
    # (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/187).
    current_count = context.add_optional(
        COUNT_PARAMETER,
        "[1-9][0-9]?|100",
        constraint="Set by the deployer.",
        description="Set by the deployer: the number of running tasks, which an update keeps. "
        "Without one, the update starts with DesiredCount.",
        label="Current count",
    )
    has_count = context.add_condition("HasCurrentCount", is_given(current_count))
    count = has_count.choose(current_count.ref(), desired_count.ref())
    return desired_count, task.has_image.choose(count, 0)


def _add_cluster(context: Context) -> ecs.Cluster:
    insights = add_log_group(
        context,
        "ContainerInsightsLogGroup",
        service="aws/ecs/containerinsights",
        writer="containers",
    )
    return context.add(
        ecs.Cluster(
            "Cluster",
            # Otherwise Container Insights creates the log group, which then outlives the stack.
            DependsOn=insights,
            CapacityProviders=["FARGATE", "FARGATE_SPOT"],
            ClusterName=context.environment_name(),
            ClusterSettings=[
                ecs.ClusterSetting(
                    Name="containerInsights",
                    Value=context.has_detailed_monitoring.choose("enhanced", "enabled"),
                )
            ],
        )
    )


def _add_scaling(
    context: Context,
    *,
    task: Task,
    desired_count: Parameter,
    containers: Containers,
    load_balancing: LoadBalancing,
) -> None:
    """Scale between the desired and the maximum count, by CPU and by requests per task."""
    maximum_count = context.add_number(
        "MaximumCount",
        default=4,
        maximum=MAXIMUM_TASKS,
        description="Maximum number of tasks for auto scaling, at least DesiredCount.",
        label="Maximum count",
    )
    cluster, service = containers.cluster.title, containers.service.title
    target = context.add(
        autoscaling.ScalableTarget(
            "ServiceScalableTarget",
            Condition=task.has_image,
            MaxCapacity=maximum_count.ref(),
            MinCapacity=desired_count.ref(),
            ResourceId=Sub(f"service/${{{cluster}}}/${{{service}.Name}}"),
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
        )
    )
    for title, metric, resource_label, value in (
        ("CpuScalingPolicy", "ECSServiceAverageCPUUtilization", NoValue, CPU_TARGET_PERCENT),
        (
            "RequestsScalingPolicy",
            "ALBRequestCountPerTarget",
            load_balancing.scaling_label,
            REQUESTS_PER_TASK_AND_MINUTE,
        ),
    ):
        specification = autoscaling.PredefinedMetricSpecification(
            PredefinedMetricType=metric, ResourceLabel=resource_label
        )
        tracking = autoscaling.TargetTrackingScalingPolicyConfiguration(
            PredefinedMetricSpecification=specification, TargetValue=value
        )
        context.add(
            autoscaling.ScalingPolicy(
                title,
                Condition=task.has_image,
                PolicyName=title,
                PolicyType="TargetTrackingScaling",
                ScalingTargetId=target.ref(),
                TargetTrackingScalingPolicyConfiguration=tracking,
            )
        )
