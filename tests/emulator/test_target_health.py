"""The health of targets, by what they answer."""

from serving import serving


def states(elbv2, group):
    found = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sorted(each["TargetHealth"]["State"] for each in found)


def test_target_is_healthy_if_it_answers_as_it_must(aws):
    elbv2, status = aws("elbv2"), [204]
    group = elbv2.create_target_group(
        Name="any", Protocol="HTTP", Port=80, HealthCheckPath="/up", Matcher={"HttpCode": "200,204"}
    )["TargetGroups"][0]["TargetGroupArn"]
    assert states(elbv2, group) == []
    with serving(lambda path, *_: (status[0] if path == "/up" else 500, b"")) as port:
        target = {"Id": "127.0.0.1", "Port": port}
        elbv2.register_targets(TargetGroupArn=group, Targets=[target])
        assert states(elbv2, group) == ["healthy"]
        status[0] = 503
        assert states(elbv2, group) == ["unhealthy"]
    assert states(elbv2, group) == ["unhealthy"]


def test_tasks_that_no_target_stands_for_are_healthy(aws):
    elbv2, ecs = aws("elbv2"), aws("ecs")
    group = elbv2.create_target_group(Name="any", Protocol="HTTP", Port=80)["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    ecs.create_cluster(clusterName="any")
    ecs.register_task_definition(
        family="any", containerDefinitions=[{"name": "any", "image": "any"}]
    )
    registration = {"containerName": "any", "containerPort": 80, "targetGroupArn": arn}
    ecs.create_service(
        cluster="any",
        serviceName="any",
        taskDefinition="any",
        desiredCount=2,
        loadBalancers=[registration],
    )
    assert states(elbv2, arn) == ["healthy", "healthy"]
    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": 9}])
    assert states(elbv2, arn) == ["healthy", "unhealthy"]
