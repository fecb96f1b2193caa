"""How many nodes and tasks resources have."""

import pytest

from iot_pipeline_cfn.template.capacity import (
    ON_DEMAND,
    SPOT,
    ServiceTasks,
    cache_nodes,
    service_tasks,
)


@pytest.mark.parametrize(
    ("group", "nodes"),
    [
        ({}, 1),
        ({"NumCacheClusters": "3"}, 3),
        ({"ReplicasPerNodeGroup": 2}, 3),
        ({"NumNodeGroups": 2, "ReplicasPerNodeGroup": 1}, 4),
        ({"NumCacheClusters": {"Ref": "Nodes"}}, 1),
    ],
)
def test_nodes_are_counted_over_shards_and_replicas(group, nodes):
    assert cache_nodes(group) == nodes


def resource(kind, **properties):
    return {"Type": kind, "Properties": properties}


DEFINITION = resource(
    "AWS::ECS::TaskDefinition",
    Cpu="512",
    Memory="1024",
    RuntimePlatform={"CpuArchitecture": "ARM64"},
)
TARGET = resource(
    "AWS::ApplicationAutoScaling::ScalableTarget",
    MaxCapacity=4,
    ResourceId={"Fn::Sub": "service/${Cluster}/${Web.Name}"},
)
SPOT_STRATEGY = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]


@pytest.mark.parametrize(
    ("service", "others", "expected"),
    [
        ({}, {}, ServiceTasks(1, 1, ON_DEMAND, 0.5, 1, "ARM64")),
        ({"DesiredCount": "2"}, {"Target": TARGET}, ServiceTasks(2, 4, ON_DEMAND, 0.5, 1, "ARM64")),
        ({"DesiredCount": 5}, {"Target": TARGET}, ServiceTasks(5, 5, ON_DEMAND, 0.5, 1, "ARM64")),
        (
            {"DesiredCount": 0, "CapacityProviderStrategy": SPOT_STRATEGY},
            {},
            ServiceTasks(0, 0, SPOT, 0.5, 1, "ARM64"),
        ),
        (
            {"TaskDefinition": "arn:of-another-stack"},
            {},
            ServiceTasks(1, 1, ON_DEMAND, 0, 0, "X86_64"),
        ),
    ],
)
def test_tasks_have_the_size_of_their_definition(service, others, expected):
    web = resource("AWS::ECS::Service", **{"TaskDefinition": {"Ref": "Definition"}} | service)
    assert service_tasks({"Web": web, "Definition": DEFINITION} | others) == {"Web": expected}
