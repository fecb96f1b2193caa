"""The containers: task definition, service, scaling."""

import pytest

from resolution import container_of, name_of, of_type, only, resolve, waits_for


def test_task_is_as_the_system_asks(environments):
    """Fargate, 256 CPU units, 512 MiB, container iot-processor on port 8080."""
    task = only(environments["defaults"], "ECS::TaskDefinition")
    assert (task["Cpu"], task["Memory"]) == ("256", "512")
    assert task["NetworkMode"] == "awsvpc"
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    container = container_of(environments["defaults"])
    assert container["Name"] == "iot-processor"
    assert container["PortMappings"] == [{"ContainerPort": 8080}]


def test_container_can_write_to_tmp_only_and_is_not_root(environments):
    """A process that is taken over finds nothing to change, and cannot take the task's memory."""
    container = container_of(environments["defaults"])
    assert container["ReadonlyRootFilesystem"] is True
    (tmpfs,) = container["LinuxParameters"]["Tmpfs"]
    assert tmpfs["ContainerPath"] == "/tmp"  # noqa: S108 - the container's own
    user, group = container["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert container["Memory"] == "512"


def test_container_gets_all_that_it_connects_to(environments):
    """Places in the environment, and what opens them as secrets."""
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


def test_service_stands_in_the_private_subnets_behind_the_load_balancer(environments):
    """No public address; the target group's port is the container's."""
    for environment in environments.values():
        service = only(environment, "ECS::Service")
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
        assert network["Subnets"] == [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]
        assert service["LoadBalancers"] == [
            {
                "ContainerName": "iot-processor",
                "ContainerPort": 8080,
                "TargetGroupArn": {"Ref": "TargetGroup"},
            }
        ]


def test_bad_deployment_rolls_back_and_zones_stay_balanced(environments):
    """Rebalancing needs a maximum above 100 percent, and a task needs time to start."""
    service = only(environments["defaults"], "ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["MaximumPercent"] > 100
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert 60 <= service["HealthCheckGracePeriodSeconds"] <= 120


def test_service_waits_for_a_listener_of_its_target_group(environments):
    """ECS refuses a target group that is tied to no load balancer."""
    for environment in environments.values():
        listeners = {
            name
            for name, listener in of_type(environment, "ElasticLoadBalancingV2::Listener").items()
            if {"TargetGroupArn": {"Ref": "TargetGroup"}, "Type": "forward"}
            in listener["DefaultActions"]
        }
        assert listeners & waits_for(environment, "Service")


@pytest.mark.parametrize("provider", ["FARGATE", "FARGATE_SPOT"])
def test_capacity_provider_is_one_that_the_cluster_has(template, provider):
    """A strategy and a launch type exclude each other."""
    environment = resolve(template, {"CapacityProvider": provider})
    service = only(environment, "ECS::Service")
    assert service["CapacityProviderStrategy"] == [{"CapacityProvider": provider, "Weight": 1}]
    assert "LaunchType" not in service
    assert provider in only(environment, "ECS::Cluster")["CapacityProviders"]


def test_task_size_is_split_into_what_fargate_sells_together(template):
    """An impossible pair of CPU and memory cannot be asked for."""
    for size in template["Parameters"]["TaskSize"]["AllowedValues"]:
        task = only(resolve(template, {"TaskSize": size}), "ECS::TaskDefinition")
        cpu, memory = int(task["Cpu"]), int(task["Memory"])
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
        assert 2 * cpu <= memory <= 8 * cpu


def test_scaling_follows_cpu_and_requests_between_the_counts(template):
    """From the desired to the maximum count, with the load balancer's and the target group's id."""
    environment = resolve(template, {"ImageTag": "v1", "DesiredCount": "2", "MaximumCount": "9"})
    target = only(environment, "ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == ("2", "9")
    assert name_of(target["ResourceId"]) == "service/${Cluster}/${Service.Name}"
    metrics = [
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
        for policy in of_type(environment, "ApplicationAutoScaling::ScalingPolicy").values()
    ]
    assert sorted(metrics, key=lambda metric: metric["PredefinedMetricType"]) == [
        {
            "PredefinedMetricType": "ALBRequestCountPerTarget",
            "ResourceLabel": {
                "Fn::Sub": "${LoadBalancer.LoadBalancerFullName}/${TargetGroup.TargetGroupFullName}"
            },
        },
        {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    ]
