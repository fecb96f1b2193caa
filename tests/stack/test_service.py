"""The cluster, the service, and its scaling."""

import pytest

from checkout import ENVIRONMENTS
from resolution import name_of, of_type, only, resolve


def test_service_is_in_the_private_subnets_behind_the_load_balancer(environments):
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


def test_failed_deployment_rolls_back_and_zones_stay_balanced(environments):
    """Rebalancing requires a maximum above 100 percent. Tasks that fail late count as well."""
    service = only(environments["defaults"], "ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {
        "Enable": True,
        "ResetOnHealthyTask": False,
        "Rollback": True,
    }
    assert deployment["MaximumPercent"] > 100
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert 60 <= service["HealthCheckGracePeriodSeconds"] <= 120


@pytest.mark.parametrize("provider", ["FARGATE", "FARGATE_SPOT"])
def test_capacity_provider_is_one_of_the_cluster(template, provider):
    """ECS refuses a launch type besides, and another provider without a forced deployment."""
    environment = resolve(template, {"CapacityProvider": provider})
    service = only(environment, "ECS::Service")
    assert service["CapacityProviderStrategy"] == [{"CapacityProvider": provider, "Weight": 1}]
    assert "LaunchType" not in service
    assert service["ForceNewDeployment"] == {
        "EnableForceNewDeployment": True,
        "ForceNewDeploymentNonce": provider,
    }
    assert provider in only(environment, "ECS::Cluster")["CapacityProviders"]


def test_cluster_has_container_insights(environments):
    for name, environment in environments.items():
        assert only(environment, "ECS::Service")["Cluster"] == {"Ref": "Cluster"}
        detailed = ENVIRONMENTS[name].get("Monitoring") == "detailed"
        assert only(environment, "ECS::Cluster")["ClusterSettings"] == [
            {"Name": "containerInsights", "Value": "enhanced" if detailed else "enabled"}
        ]


def test_service_scales_by_cpu_and_requests_between_the_counts(template):
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
