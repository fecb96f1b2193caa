"""The environment as a whole: its stack, its names, its logs and its alarms."""

import re

PARTS = {
    "AWS/ApiGateway",
    "AWS/ApplicationELB",
    "AWS/ElastiCache",
    "AWS/RDS",
    "AWS/States",
    "ECS/ContainerInsights",
}
"""The metrics of all parts that need an alarm."""


def alarms(environment):
    return environment.list(
        "cloudwatch",
        "describe_alarms",
        "MetricAlarms",
        AlarmNamePrefix=f"{environment.stack.name}/",
    )


def test_last_operation_on_the_stack_has_succeeded(environment):
    for stack in (environment.stack, environment.network_stack):
        assert stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, (
            f"{stack.name} is in {stack.status}: {stack.reason}"
        )


def test_names_contain_the_environment(environment):
    outputs = environment.outputs
    api = environment.call("apigateway", "get_rest_api", restApiId=outputs["ApiId"])
    names = {
        "ClusterName": outputs["ClusterName"],
        "ServiceName": outputs["ServiceName"],
        "RepositoryUri": outputs["RepositoryUri"],
        "name of the API": api["name"],
        "family of the task definition": environment.task["family"],
    }
    own = environment.own_outputs
    names |= {name: value for name, value in own.items() if name.endswith("LogGroupName")}
    for what, name in names.items():
        assert re.search(rf"\b{environment.stack.name}\b", name), (
            f"{what} is {name!r}, without the environment's name {environment.stack.name}"
        )


def test_log_groups_exist_and_expire(environment):
    for output, name in environment.outputs.items():
        if output.endswith("LogGroupName"):
            found = environment.list(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
            )
            (log_group,) = [each for each in found if each["logGroupName"] == name] or [None]
            assert log_group, f"{output}: there is no log group {name}"
            assert log_group.get("retentionInDays"), f"{output}: {name} never expires"


def test_every_part_has_an_alarm(environment):
    found = alarms(environment)
    watched = {
        metric["Namespace"]
        for alarm in found
        for metric in (
            alarm,
            *(
                each["MetricStat"]["Metric"]
                for each in alarm.get("Metrics", [])
                if "MetricStat" in each
            ),
        )
        if "Namespace" in metric
    }
    assert not PARTS - watched, f"no alarm watches {', '.join(sorted(PARTS - watched))}"
    topic = environment.outputs["AlarmTopicArn"]
    for alarm in found:
        assert topic in alarm["AlarmActions"], f"alarm {alarm['AlarmName']} does not tell {topic}"


def test_no_alarm_is_active(environment):
    raised = [alarm for alarm in alarms(environment) if alarm["StateValue"] == "ALARM"]
    assert not raised, "\n".join(
        f"alarm {alarm['AlarmName']} ({alarm['AlarmDescription']}): {alarm['StateReason']}"
        for alarm in raised
    )
