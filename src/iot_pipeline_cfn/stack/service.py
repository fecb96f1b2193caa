"""The service that keeps tasks running: ECS cluster, service and its scaling."""

from dataclasses import dataclass

from troposphere import If, NoValue, Parameter, Sub, Template
from troposphere.applicationautoscaling import (
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    TargetTrackingScalingPolicyConfiguration,
)
from troposphere.ecs import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    ClusterSetting,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    LoadBalancer,
    NetworkConfiguration,
    Service,
)

from .context import Environment
from .encryption import Encryption
from .load_balancer import LoadBalancing
from .log_groups import add_log_group
from .naming import environment_name, tags
from .network import Network
from .sections import add_choice, add_number, add_output
from .security_groups import CONTAINER_PORT, SecurityGroups
from .task import COMPONENT, CONTAINER_NAME, GROUP, Task

MAXIMUM_TASKS = 100
SECONDS_TO_START = 60
CPU_TARGET_PERCENT = 60
REQUESTS_PER_TASK_AND_MINUTE = 1000


@dataclass(frozen=True)
class Containers:
    """The cluster and the service that runs the containers in it."""

    cluster: Cluster
    service: Service


def add_service(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    security_groups: SecurityGroups,
    load_balancing: LoadBalancing,
    task: Task,
) -> Containers:
    """Add the cluster and the service, of zero tasks as long as no image is named."""
    capacity_provider = add_choice(
        template,
        "CapacityProvider",
        ["FARGATE", "FARGATE_SPOT"],
        default="FARGATE",
        description="Spot costs less; AWS may stop its tasks with two minutes' notice.",
        group=GROUP,
        label="Capacity provider",
    )
    desired_count = add_number(
        template,
        "DesiredCount",
        default=1,
        maximum=MAXIMUM_TASKS,
        description="Tasks that run at least, once there is an image, and with which every change "
        "of the service begins.",
        group=GROUP,
        label="Desired count",
    )
    cluster = _add_cluster(template, environment=environment, encryption=encryption)
    service = template.add_resource(
        Service(
            "Service",
            # ECS refuses a target group that no listener has tied to a load balancer yet.
            DependsOn=load_balancing.http_listener,
            AvailabilityZoneRebalancing="ENABLED",
            CapacityProviderStrategy=[
                CapacityProviderStrategyItem(CapacityProvider=capacity_provider.ref(), Weight=1)
            ],
            Cluster=cluster.ref(),
            DeploymentConfiguration=DeploymentConfiguration(
                DeploymentCircuitBreaker=DeploymentCircuitBreaker(Enable=True, Rollback=True),
                MaximumPercent=200,
                MinimumHealthyPercent=100,
            ),
            DesiredCount=If(task.has_image, desired_count.ref(), 0),
            EnableECSManagedTags=True,
            HealthCheckGracePeriodSeconds=SECONDS_TO_START,
            LoadBalancers=[
                LoadBalancer(
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
            TaskDefinition=task.definition.ref(),
        )
    )
    containers = Containers(cluster=cluster, service=service)
    _add_scaling(
        template,
        environment=environment,
        task=task,
        desired_count=desired_count,
        containers=containers,
        load_balancing=load_balancing,
    )
    add_output(template, "ClusterName", "ECS cluster.", cluster.ref())
    add_output(template, "ServiceName", "ECS service in the cluster.", service.get_att("Name"))
    return containers


def _add_cluster(
    template: Template, *, environment: Environment, encryption: Encryption
) -> Cluster:
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


def _add_scaling(
    template: Template,
    *,
    environment: Environment,
    task: Task,
    desired_count: Parameter,
    containers: Containers,
    load_balancing: LoadBalancing,
) -> None:
    """Scale between the desired and the maximum count, on CPU and on requests for each task."""
    maximum_count = add_number(
        template,
        "MaximumCount",
        default=4,
        maximum=MAXIMUM_TASKS,
        description="Tasks that auto scaling may run; no fewer than DesiredCount.",
        group=GROUP,
        label="Maximum count",
    )
    cluster, service = containers.cluster.title, containers.service.title
    target = template.add_resource(
        ScalableTarget(
            "ServiceScalableTarget",
            Condition=task.has_image,
            MaxCapacity=maximum_count.ref(),
            MinCapacity=desired_count.ref(),
            ResourceId=Sub(f"service/${{{cluster}}}/${{{service}.Name}}"),
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
                Condition=task.has_image,
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
