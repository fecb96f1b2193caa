"""The capacity that resources take: cache nodes, and tasks on Fargate with their size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .lookup import Resources, number, of_type, text_of, values_at
from .references import references

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"

CPU_UNITS_PER_VCPU: Final = 1024
MIB_PER_GB: Final = 1024
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"""


def cache_nodes(group: Mapping[str, Any]) -> int:
    """Return how many nodes a replication group with these properties has.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticache-replicationgroup.html
    """
    shards = max(number(group.get("NumNodeGroups")), 1)
    per_shard = 1 + number(group.get("ReplicasPerNodeGroup"))
    return int(number(group.get("NumCacheClusters")) or shards * per_shard)


@dataclass(frozen=True)
class ServiceTasks:
    """The tasks of an ECS service on Fargate: how many, where, and the size of one."""

    desired: int
    maximum: int
    """With auto scaling."""
    provider: str
    vcpu: float
    gigabytes: float
    architecture: str


def service_tasks(resources: Resources) -> dict[str, ServiceTasks]:
    """Return the tasks of each service, by its logical ID."""
    definitions = of_type(resources, "AWS::ECS::TaskDefinition")
    found = {}
    for name, service in of_type(resources, "AWS::ECS::Service").items():
        definition = definitions.get(next(references(service.get("TaskDefinition")), ""), {})
        providers = values_at(service, "CapacityProviderStrategy.CapacityProvider")
        architectures = values_at(definition, "RuntimePlatform.CpuArchitecture")
        desired = int(number(service.get("DesiredCount"), default=1))
        found[name] = ServiceTasks(
            desired=desired,
            maximum=max(desired, _scaled_maximum(resources, name)),
            provider=text_of(providers[0]) if providers else ON_DEMAND,
            vcpu=number(definition.get("Cpu")) / CPU_UNITS_PER_VCPU,
            gigabytes=number(definition.get("Memory")) / MIB_PER_GB,
            architecture=text_of(architectures[0]) if architectures else "X86_64",
        )
    return found


def _scaled_maximum(resources: Resources, service: str) -> int:
    """Return how many tasks of a service auto scaling may run."""
    targets = of_type(resources, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    return max(
        (
            int(number(target.get("MaxCapacity")))
            for target in targets
            if service in references(target)
        ),
        default=0,
    )
