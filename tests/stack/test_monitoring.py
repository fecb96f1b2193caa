"""Alarms, their topic, and the dashboard."""

import re

import pytest

from checkout import ROOT
from resolution import name_of, of_type, only

API = "ApiName=iot-pipeline-any,Stage=ApiStage"
DEAD_LETTERS = "QueueName=RotationDeadLetterQueue.QueueName"
DATABASE = "DBInstanceIdentifier=Database"
LOAD_BALANCER = "LoadBalancer=LoadBalancer.LoadBalancerFullName"
NODES = [f"CacheClusterId=${{Cache}}-{node}" for node in ("001", "002")]
SERVICE = "ClusterName=Cluster,ServiceName=Service.Name"
TARGETS = f"{LOAD_BALANCER},TargetGroup=TargetGroup.TargetGroupFullName"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
METRICS = {
    "ApiErrorsAlarm": [("AWS/ApiGateway", "5XXError", "Sum", API)],
    "ApiLatencyAlarm": [("AWS/ApiGateway", "Latency", "p95", API)],
    "CacheEvictionsAlarm": [("AWS/ElastiCache", "Evictions", "Sum", node) for node in NODES],
    "CacheMemoryAlarm": [
        ("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "Maximum", node) for node in NODES
    ],
    "DatabaseConnectionsAlarm": [("AWS/RDS", "DatabaseConnections", "Maximum", DATABASE)],
    "DatabaseCpuAlarm": [("AWS/RDS", "CPUUtilization", "Average", DATABASE)],
    "DatabaseFreeStorageAlarm": [("AWS/RDS", "FreeStorageSpace", "Minimum", DATABASE)],
    "LoadBalancerErrorsAlarm": [
        ("AWS/ApplicationELB", f"HTTPCode_{side}_5XX_Count", "Sum", LOAD_BALANCER)
        for side in ("ELB", "Target")
    ],
    "RotationFailedAlarm": [
        ("AWS/Events", "FailedInvocations", "Sum", "RuleName=DatabaseSecretRotatedRule"),
        ("AWS/Events", "FailedInvocations", "Sum", "RuleName=ApplicationSecretRotatedRule"),
        *(
            ("AWS/States", f"Executions{state}", "Sum", f"StateMachineArn={name}StateMachine")
            for name in ("RotatePassword", "RollService")
            for state in ("Failed", "TimedOut")
        ),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", DEAD_LETTERS),
    ],
    "TasksBelowDesiredAlarm": [
        ("ECS/ContainerInsights", f"{state}TaskCount", "Average", SERVICE)
        for state in ("Desired", "Running")
    ],
    "UnhealthyTargetsAlarm": [("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", TARGETS)],
}
EXPRESSIONS = {
    "CacheEvictionsAlarm": "MAX(METRICS())",
    "CacheMemoryAlarm": "MAX(METRICS())",
    "LoadBalancerErrorsAlarm": "FILL(m1,0)+FILL(m2,0)",
    "RotationFailedAlarm": "+".join(f"FILL(m{number},0)" for number in range(1, 8)),
    "TasksBelowDesiredAlarm": "m1-m2",
}
THRESHOLDS = {
    "ApiErrorsAlarm": ("GreaterThanThreshold", 5, 5),
    "ApiLatencyAlarm": ("GreaterThanThreshold", 3000, 5),  # Milliseconds.
    "CacheEvictionsAlarm": ("GreaterThanThreshold", 0, 5),
    "CacheMemoryAlarm": ("GreaterThanThreshold", 80, 5),  # Percent.
    "DatabaseConnectionsAlarm": ("GreaterThanThreshold", 70, 5),
    "DatabaseCpuAlarm": ("GreaterThanThreshold", 80, 10),  # Percent.
    "DatabaseFreeStorageAlarm": ("LessThanThreshold", 2**30, 5),  # Bytes.
    "LoadBalancerErrorsAlarm": ("GreaterThanThreshold", 5, 5),
    "RotationFailedAlarm": ("GreaterThanThreshold", 0, 1),
    "TasksBelowDesiredAlarm": ("GreaterThanThreshold", 0, 10),
    "UnhealthyTargetsAlarm": ("GreaterThanThreshold", 0, 5),
}


def series(metric, statistic):
    dimensions = (f"{each['Name']}={name_of(each['Value'])}" for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], statistic, ",".join(dimensions)


def metrics_of(alarm):
    """Return the expression, if any, and the series of an alarm in the order of their IDs."""
    if "Metrics" not in alarm:
        return None, [series(alarm, alarm.get("Statistic") or alarm["ExtendedStatistic"])]
    expression, *queries = alarm["Metrics"]
    assert [query["Id"] for query in queries] == [f"m{n}" for n in range(1, len(queries) + 1)]
    assert not any(query["ReturnData"] for query in queries)
    stats = [query["MetricStat"] for query in queries]
    return expression["Expression"], [series(stat["Metric"], stat["Stat"]) for stat in stats]


def test_every_alarm_has_the_metrics_of_its_resource(environments):
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert {name: metrics_of(alarm) for name, alarm in alarms.items()} == {
        name: (EXPRESSIONS.get(name), metrics) for name, metrics in METRICS.items()
    }


@pytest.mark.parametrize("name", ["CacheEvictionsAlarm", "CacheMemoryAlarm"])
def test_alarms_of_the_cache_have_only_the_nodes_that_exist(environments, name):
    alarm = of_type(environments["least"], "CloudWatch::Alarm")[name]
    assert metrics_of(alarm) == (EXPRESSIONS[name], METRICS[name][:1])


def test_every_alarm_has_its_threshold_and_minutes(environments):
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert {
        name: (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"])
        for name, alarm in alarms.items()
    } == THRESHOLDS


def test_every_alarm_notifies_the_topic_and_is_described(environments):
    for alarm in of_type(environments["defaults"], "CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"]


def test_only_a_database_that_sends_nothing_is_an_alarm(environments):
    """RDS always sends its free storage; other metrics have no value while nothing happens."""
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"breaching", "notBreaching"}
    breaching = [name for name in alarms if alarms[name]["TreatMissingData"] == "breaching"]
    assert breaching == ["DatabaseFreeStorageAlarm"]


def test_dashboard_shows_the_metrics_of_every_alarm(environments):
    body = only(environments["defaults"], "CloudWatch::Dashboard")["DashboardBody"]
    widgets = [widget["properties"] for widget in body["Fn::ToJsonString"]["widgets"]]
    shown = {(row[0], row[1]) for widget in widgets for row in widget["metrics"]}
    assert shown == {found[:2] for metrics in METRICS.values() for found in metrics}
    assert all(widget["region"] == "ap-northeast-1" for widget in widgets)


def test_runbook_has_every_alarm_of_every_template(templates):
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    alarms = {
        name.removesuffix("Alarm")
        for template in templates.values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert rows == sorted(alarms)
