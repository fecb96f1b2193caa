"""Whether an environment works, by made-up answers of its services and on the emulator."""

import pytest

from deploying import IMPOSSIBLE, small_template, stack_of
from emulated import outputs
from iot_pipeline_cfn.deploy.health import PARTS, judge
from iot_pipeline_cfn.template.findings import Severity

OLD, NEW = (
    "arn:aws:ecs:us-east-1:1:task-definition/a:1",
    "arn:aws:ecs:us-east-1:1:task-definition/a:2",
)
OUTPUTS = {"TaskDefinitionArn": NEW}


def deployment(state=None, status="PRIMARY"):
    counts = {"runningCount": 1, "desiredCount": 2}
    return {"status": status, **counts} | (
        {"rolloutState": state, "rolloutStateReason": "tasks failed"} if state else {}
    )


def service(*deployments, runs=NEW, desired=2, status="ACTIVE"):
    return {
        "status": status,
        "taskDefinition": runs,
        "desiredCount": desired,
        "deployments": list(deployments or [deployment("COMPLETED")]),
    }


def targets(*states):
    return [
        {"TargetHealth": {"State": state} | ({"Description": "why"} if state != "healthy" else {})}
        for state in states
    ]


FINE = {"Service": [service()], "TargetGroup": targets("healthy", "healthy")}


@pytest.mark.parametrize(
    ("answers", "problems"),
    [
        (FINE, {}),
        ({}, {}),
        ({"Service": []}, {"missing": {}}),
        ({"Service": [service(status="INACTIVE")]}, {"missing": {}}),
        ({"Service": [service(deployment())]}, {}),
        (
            {"Service": [service(runs=OLD)]},
            {"other-task-definition": {"running": OLD, "expected": NEW}},
        ),
        (
            {"Service": [service(deployment("IN_PROGRESS"), deployment("COMPLETED", "ACTIVE"))]},
            {"rollout-in-progress": {"running": 1, "desired": 2}},
        ),
        ({"Service": [service(deployment("COMPLETED"), deployment("FAILED", "ACTIVE"))]}, {}),
        (
            {"Service": [service(deployment("FAILED"), runs=OLD)]},
            {
                "other-task-definition": {"running": OLD, "expected": NEW},
                "rollout-failed": {"reason": "tasks failed"},
            },
        ),
        ({"TargetGroup": targets("healthy", "healthy", "draining", "unhealthy")}, {}),
        (
            {"TargetGroup": targets("healthy", "initial", "unhealthy")},
            {"targets-unhealthy": {"healthy": 1, "desired": 2, "reasons": ["why"]}},
        ),
        (
            {"TargetGroup": []},
            {"targets-unhealthy": {"healthy": 0, "desired": 2, "reasons": []}},
        ),
        ({"Service": [service(desired=0)], "TargetGroup": targets("unhealthy")}, {}),
        ({"Database": [{"DBInstanceStatus": "backing-up"}]}, {}),
        (
            {"Database": [{"DBInstanceStatus": "creating"}]},
            {"not-available": {"state": "creating"}},
        ),
        ({"Database": []}, {"missing": {}}),
        ({"Cache": [{"Status": "create-failed"}]}, {"not-available": {"state": "create-failed"}}),
        ({"VpcLink": [{"VpcLinkStatus": "PENDING"}]}, {"not-available": {"state": "PENDING"}}),
        (
            {"LoadBalancer": [{"State": {"Code": "provisioning"}}]},
            {"not-available": {"state": "provisioning"}},
        ),
    ],
)
def test_answers_of_services_are_judged(answers, problems):
    given = {**FINE, **answers} if answers else {}
    assert {each.code: each.details for each in judge(given, OUTPUTS)} == problems


def test_outputs_of_the_template_name_every_part(template):
    for name, part in PARTS.items():
        assert {*part.outputs} <= template["Outputs"].keys(), name


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if part.is_waited_for])
def test_waiting_ends_where_it_does_not_help(name):
    part = PARTS[name]
    assert part.failed
    assert not part.failed & part.ready


def test_rollout_that_has_failed_is_final():
    (problem,) = judge({"Service": [service(deployment("FAILED"))]}, OUTPUTS)
    assert problem.severity is Severity.ERROR


SERVICE = {
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Group": {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": 8080, "Protocol": "HTTP", "TargetType": "ip"},
    },
    "Task": {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {"ContainerDefinitions": [{"Name": "any", "Image": "any"}]},
    },
    "Service": {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "Cluster": {"Ref": "Cluster"},
            "DesiredCount": 1,
            "LoadBalancers": [
                {"ContainerName": "any", "ContainerPort": 8080, "TargetGroupArn": {"Ref": "Group"}}
            ],
            "TaskDefinition": {"Ref": "Task"},
        },
    },
}
OUTPUTS_OF_SERVICE = {
    "ClusterName": {"Ref": "Cluster"},
    "ServiceName": {"Fn::GetAtt": ["Service", "Name"]},
    "TargetGroupArn": {"Ref": "Group"},
    "TaskDefinitionArn": {"Ref": "Task"},
}


def test_deployment_fails_while_the_service_does_not_work(project, aws):
    """CloudFormation calls it complete; the same command, which changes nothing, says so again."""
    values = {name: {"Value": value} for name, value in OUTPUTS_OF_SERVICE.items()}
    project.write(small_template(SERVICE, values))
    assert project.deploy("pr1").status == 0
    found, elbv2, ecs = outputs(stack_of(aws)), aws("elbv2"), aws("ecs")
    closed = {
        "TargetGroupArn": found["TargetGroupArn"],
        "Targets": [{"Id": "127.0.0.1", "Port": 9}],
    }
    elbv2.register_targets(**closed)
    done = project.deploy("pr1", "--image-tag", "v1")
    assert (done.status, done.code) == (11, "not-working")
    assert [each.code for each in done.error.findings] == ["targets-unhealthy"]
    assert done.error.findings[0].details["reasons"] == ["Health checks failed"]
    elbv2.deregister_targets(**closed)

    other = ecs.register_task_definition(
        family="other", containerDefinitions=[{"name": "any", "image": "any"}]
    )["taskDefinition"]["taskDefinitionArn"]
    names = {"cluster": found["ClusterName"], "service": found["ServiceName"]}
    ecs.update_service(**names, taskDefinition=other)
    done = project.deploy("pr1", "--image-tag", "v1")
    assert (done.status, done.code) == (11, "not-working")
    assert [each.code for each in done.error.findings] == ["other-task-definition"]
    ecs.update_service(**names, taskDefinition=found["TaskDefinitionArn"])
    assert project.deploy("pr1", "--image-tag", "v1").status == 0


EXPRESS_TEMPLATE = small_template(
    {
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "DeletionPolicy": "Delete",
            "Properties": {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres"},
        }
    },
    {"DatabaseInstanceId": {"Value": {"Ref": "Database"}}},
)


def test_express_creation_waits_until_everything_is_ready(project, aws):
    """The operation is complete before the database is available."""
    project.write(EXPRESS_TEMPLATE | {"Metadata": {"Emulator": {"ReadySeconds": 0.5}}})
    done = project.deploy("pr1", "--express", "--json")
    assert done.status == 0, done.err
    assert stack_of(aws)["DeploymentConfig"] == {"Mode": "EXPRESS", "DisableRollback": False}
    last = [each for each in done.documents if each["type"] == "event"][-2:]
    assert [(each["logical_id"], each["status"], each["reason"]) for each in last] == [
        ("Database", "CREATE_IN_PROGRESS", "creating"),
        ("Database", "CREATE_COMPLETE", ""),
    ]
    refused = project.deploy("pr1", "--express", "--image-tag", "v1")
    assert (refused.status, refused.code) == (1, "express-update")
    assert project.deploy("pr1", "--image-tag", "v1").status == 0
    assert stack_of(aws)["DeploymentConfig"]["Mode"] == "STANDARD"


@pytest.mark.parametrize(
    ("option", "result"),
    [("--no-wait", (0, "pr1 is not ready yet")), ("--timeout=1", (11, "does not work"))],
)
def test_what_is_not_ready_yet_is_named(project, option, result):
    project.write(EXPRESS_TEMPLATE | {"Metadata": {"Emulator": {"ReadySeconds": 60}}})
    done = project.deploy("pr1", "--express", option)
    assert done.status == result[0]
    assert result[1] in done.out + done.err
    assert "not ready yet: Database is creating" in done.err
    assert done.notices == ["not-available"]


@pytest.mark.parametrize("durability", ["protected", "unknown"])
def test_express_mode_is_refused_for_protected_environments(project, durability):
    project.write(EXPRESS_TEMPLATE, pr={"Parameters": {"Durability": durability}})
    done = project.deploy("pr1", "--express")
    assert (done.status, done.code) == (1, "express-protected")


def test_failed_express_creation_is_rolled_back_and_created_again(project, aws):
    broken = small_template({"Impossible": IMPOSSIBLE | {"DependsOn": "Topic"}})
    project.write(broken)
    done = project.deploy("pr1", "--express")
    assert (done.status, done.details["status"]) == (4, "ROLLBACK_COMPLETE")
    project.write(small_template())
    done = project.deploy("pr1", "--express")
    assert (done.status, done.notices) == (0, ["removing-failed-creation"])
    assert stack_of(aws)["StackStatus"] == "CREATE_COMPLETE"
