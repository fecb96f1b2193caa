"""Alarms, their topic, and the dashboard."""

import pytest

from resolution import name_of, of_type, only

WATCHED = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
    "ApiErrorsAlarm": {("AWS/ApiGateway", "5XXError", "ApiName=iot-pipeline-any,Stage=ApiStage")},
    "ApiLatencyAlarm": {("AWS/ApiGateway", "Latency", "ApiName=iot-pipeline-any,Stage=ApiStage")},
    "CacheEvictionsAlarm": {
        ("AWS/ElastiCache", "Evictions", f"CacheClusterId=${{Cache}}-{node}")
        for node in ("001", "002")
    },
    "CacheMemoryAlarm": {
        (
            "AWS/ElastiCache",
            "DatabaseMemoryUsagePercentage",
            f"CacheClusterId=${{Cache}}-{node}",
        )
        for node in ("001", "002")
    },
    "DatabaseConnectionsAlarm": {
        ("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier=Database")
    },
    "DatabaseCpuAlarm": {("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier=Database")},
    "DatabaseFreeStorageAlarm": {("AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier=Database")},
    "LoadBalancerErrorsAlarm": {
        (
            "AWS/ApplicationELB",
            f"HTTPCode_{side}_5XX_Count",
            "LoadBalancer=LoadBalancer.LoadBalancerFullName",
        )
        for side in ("ELB", "Target")
    },
    "RotationFailedAlarm": {
        ("AWS/Events", "FailedInvocations", "RuleName=DatabaseSecretRotatedRule"),
        ("AWS/States", "ExecutionsFailed", "StateMachineArn=RollServiceStateMachine"),
        ("AWS/States", "ExecutionsTimedOut", "StateMachineArn=RollServiceStateMachine"),
    },
    "TasksBelowDesiredAlarm": {
        ("ECS/ContainerInsights", metric, "ClusterName=Cluster,ServiceName=Service.Name")
        for metric in ("DesiredTaskCount", "RunningTaskCount")
    },
    "UnhealthyTargetsAlarm": {
        (
            "AWS/ApplicationELB",
            "UnHealthyHostCount",
            (
                "LoadBalancer=LoadBalancer.LoadBalancerFullName,"
                "TargetGroup=TargetGroup.TargetGroupFullName"
            ),
        )
    },
}


def series(metric):
    dimensions = ",".join(
        f"{dimension['Name']}={name_of(dimension['Value'])}" for dimension in metric["Dimensions"]
    )
    return metric["Namespace"], metric["MetricName"], dimensions


def watched(alarm):
    queries = alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}])
    return {series(query["MetricStat"]["Metric"]) for query in queries if "MetricStat" in query}


def test_alarms_watch_metrics_of_resources_that_exist(environments):
    """A dimension that names nothing makes an alarm that never rings."""
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert {name: watched(alarm) for name, alarm in alarms.items()} == WATCHED


def test_one_cache_node_is_watched_where_there_is_one(environments):
    """The second node's metrics would be missing for ever."""
    alarms = of_type(environments["least"], "CloudWatch::Alarm")
    for name in ("CacheEvictionsAlarm", "CacheMemoryAlarm"):
        assert watched(alarms[name]) == {found for found in WATCHED[name] if "-001" in found[2]}


def test_alarms_ring_at_too_much_and_at_too_little(environments):
    """Each in the unit of its metric, over minutes that a short peak does not fill."""
    alarms = of_type(environments["defaults"], "CloudWatch::Alarm")
    assert {
        name: (alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"])
        for name, alarm in alarms.items()
    } == {
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


def test_tasks_below_desired_are_the_desired_less_the_running(environments):
    """The other way round the alarm would ring while tasks are being added."""
    alarm = of_type(environments["defaults"], "CloudWatch::Alarm")["TasksBelowDesiredAlarm"]
    terms = {
        query["Id"]: query["MetricStat"]["Metric"]["MetricName"]
        for query in alarm["Metrics"]
        if "MetricStat" in query
    }
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
    desired, running = (terms[term] for term in expression.split("-"))
    assert (desired, running) == ("DesiredTaskCount", "RunningTaskCount")


def test_every_alarm_tells_the_topic_and_says_what_is_wrong(environments):
    """And tells it again when all is well."""
    for alarm in of_type(environments["defaults"], "CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_expressions_use_exactly_the_series_beside_them(environments):
    """One term of the alarm returns data: the expression."""
    for name, alarm in of_type(environments["defaults"], "CloudWatch::Alarm").items():
        if "Metrics" not in alarm:
            continue
        expressions = [query for query in alarm["Metrics"] if "Expression" in query]
        terms = [query["Id"] for query in alarm["Metrics"] if query.get("ReturnData") is False]
        assert len(expressions) == 1, name
        (expression,) = (query["Expression"] for query in expressions)
        assert "METRICS()" in expression or all(term in expression for term in terms), name


@pytest.mark.parametrize(
    ("name", "subscriptions"),
    [("defaults", []), ("most", [{"Endpoint": "somebody@example.com", "Protocol": "email"}])],
)
def test_somebody_is_told_by_mail_where_an_address_is_given(environments, name, subscriptions):
    """Without one the topic waits for its subscribers."""
    assert only(environments[name], "SNS::Topic")["Subscription"] == subscriptions


def test_dashboard_shows_all_that_is_watched(environments):
    """Each graph in the stack's own region."""
    body = only(environments["defaults"], "CloudWatch::Dashboard")["DashboardBody"]
    widgets = body["Fn::ToJsonString"]["widgets"]
    shown = {(row[0], row[1]) for widget in widgets for row in widget["properties"]["metrics"]}
    assert shown == {found[:2] for alarm in WATCHED.values() for found in alarm}
    assert all(widget["properties"]["region"] == "ap-northeast-1" for widget in widgets)
