"""Services and task definitions of the emulator."""

from checkout import ENVIRONMENTS
from emulated import change_set, create, executed, outputs, reasons, settled, template


def test_task_definition_describes_secrets_and_dependencies(aws, deploy):
    found = outputs(deploy({}))
    task = aws("ecs").describe_task_definition(taskDefinition=found["TaskDefinitionArn"])
    _, container = task["taskDefinition"]["containerDefinitions"]
    secrets = {secret["name"]: secret["valueFrom"] for secret in container["secrets"]}
    assert secrets == {
        "DB_PASSWORD": f"{found['ApplicationSecretArn']}:password::",
        "DB_USERNAME": f"{found['ApplicationSecretArn']}:username::",
        "REDIS_AUTH_TOKEN": found["CacheAuthTokenArn"],
    }
    assert container["dependsOn"] == [{"condition": "SUCCESS", "containerName": "migration"}]


def test_number_of_tasks_follows_the_parameter(aws, deploy):
    given = ENVIRONMENTS["small"] | {"ImageTag": "v1", "DesiredCount": "1"}

    def desired(stack):
        (service,) = aws("ecs").describe_services(
            cluster=outputs(stack)["ClusterName"], services=[outputs(stack)["ServiceName"]]
        )["services"]
        return service["desiredCount"]

    assert desired(deploy(given)) == 1
    assert desired(deploy(given | {"DesiredCount": "2"}, "UPDATE")) == 2


def test_other_capacity_provider_needs_a_forced_deployment(cloudformation, aws):
    def body(provider, nonce):
        """Return a template with a service that runs on a capacity provider."""
        return template(
            {
                "Task": {
                    "Type": "AWS::ECS::TaskDefinition",
                    "Properties": {"ContainerDefinitions": [{"Name": "any", "Image": "any"}]},
                },
                "Service": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "CapacityProviderStrategy": [{"CapacityProvider": provider}],
                        "ForceNewDeployment": {
                            "EnableForceNewDeployment": True,
                            "ForceNewDeploymentNonce": nonce,
                        },
                        "TaskDefinition": {"Ref": "Task"},
                    },
                },
            },
            {"Name": {"Fn::GetAtt": ["Service", "Name"]}},
        )

    def newest():
        name = outputs(settled(cloudformation))["Name"]
        (service,) = aws("ecs").describe_services(services=[name])["services"]
        deployment = service["deployments"][0]
        return deployment["id"], deployment["capacityProviderStrategy"][0]["capacityProvider"]

    aws("ecs").create_cluster(clusterName="default")
    stack = create(cloudformation, body("FARGATE", "1"))
    first = newest()
    executed(cloudformation, change_set(cloudformation, body("FARGATE_SPOT", "1")))
    assert "you must force a new deployment" in reasons(cloudformation, stack)["Service"]
    assert newest() == first
    executed(cloudformation, change_set(cloudformation, body("FARGATE_SPOT", "2")))
    deployment, provider = newest()
    assert (deployment == first[0], provider) == (False, "FARGATE_SPOT")
