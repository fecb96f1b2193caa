"""The alarms that need somebody's attention, and a dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import AWSHelperFn, If, Region, Sub
from troposphere import cloudwatch as cw
from troposphere.sns import Topic

from .alarm_topic import add_alarm_topic
from .api import Api
from .cache import Cache
from .conditions import Condition
from .context import Context, ToJsonString
from .database import Database
from .rotation import Rotation
from .service import Containers
from .targets import LoadBalancing

PERIOD_SECONDS = 60
GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Series:
    """A metric of one resource, and the statistic of a period."""

    namespace: str
    name: str
    dimensions: Mapping[str, AWSHelperFn | str]
    statistic: str = "Sum"
    condition: Condition | None = None
    """The condition under which the resource exists."""

    def query(self, identifier: str) -> cw.MetricDataQuery | If:
        """Return the series as a term of an expression."""
        metric = cw.Metric(
            Dimensions=self.alarm_dimensions(), MetricName=self.name, Namespace=self.namespace
        )
        query = cw.MetricDataQuery(
            Id=identifier,
            MetricStat=cw.MetricStat(Metric=metric, Period=PERIOD_SECONDS, Stat=self.statistic),
            ReturnData=False,
        )
        return query if self.condition is None else self.condition.choose(query)

    def alarm_dimensions(self) -> list[cw.MetricDimension]:
        """Return the dimensions in the form of an alarm."""
        return [cw.MetricDimension(Name=key, Value=value) for key, value in self.dimensions.items()]

    def row(self) -> list[Any]:
        """Return the series as a line of a graph; a resource that does not exist has none."""
        dimensions = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *dimensions, {"stat": self.statistic}]


@dataclass(frozen=True)
class Alarm:
    """One alarm and its graph on the dashboard.

    An `expression` combines several series, named `m1`, `m2` and so on.
    """

    name: str
    description: str
    series: Sequence[Series]
    threshold: int | AWSHelperFn
    comparison: str = "GreaterThanThreshold"
    expression: str | None = None
    minutes: int = 5
    missing: str = "notBreaching"
    """What a minute without a value means. Most metrics have none while nothing happens."""

    def resource(self, context: Context, topic: Topic) -> cw.Alarm:
        """Return the resource, which notifies the topic."""
        return cw.Alarm(
            f"{self.name}Alarm",
            AlarmActions=[topic.ref()],
            AlarmDescription=self.description,
            AlarmName=context.environment_name(ending=f"/{self.name}"),
            ComparisonOperator=self.comparison,
            EvaluationPeriods=self.minutes,
            OKActions=[topic.ref()],
            Threshold=self.threshold,
            TreatMissingData=self.missing,
            **self._metric(),
        )

    def _metric(self) -> dict[str, Any]:
        if self.expression is not None:
            terms = [series.query(f"m{number}") for number, series in enumerate(self.series, 1)]
            return {"Metrics": [cw.MetricDataQuery(Expression=self.expression, Id="e1"), *terms]}
        (series,) = self.series
        is_percentile = series.statistic.startswith("p")
        return {
            "Dimensions": series.alarm_dimensions(),
            "MetricName": series.name,
            "Namespace": series.namespace,
            "Period": PERIOD_SECONDS,
            "ExtendedStatistic" if is_percentile else "Statistic": series.statistic,
        }


def add_monitoring(
    context: Context,
    *,
    load_balancing: LoadBalancing,
    containers: Containers,
    database: Database,
    cache: Cache,
    api: Api,
    rotation: Rotation,
) -> None:
    """Add the topic, the alarms, and the dashboard with a graph for each alarm."""
    topic = add_alarm_topic(context)
    alarms = [
        *_load_balancer_alarms(load_balancing),
        *_api_alarms(context, api),
        _tasks_alarm(containers),
        *_database_alarms(database),
        *_cache_alarms(context, cache),
        _rotation_alarm(rotation),
    ]
    for alarm in alarms:
        context.add(alarm.resource(context, topic))
    context.add(
        cw.Dashboard(
            "Dashboard",
            DashboardBody=ToJsonString({"widgets": [_widget(alarm) for alarm in alarms]}),
            DashboardName=context.environment_name(),
        )
    )


def _widget(alarm: Alarm) -> dict[str, Any]:
    return {
        "properties": {
            "metrics": [series.row() for series in alarm.series],
            "period": PERIOD_SECONDS,
            "region": Region,
            "title": alarm.description,
        },
        "type": "metric",
    }


def _load_balancer_alarms(load_balancing: LoadBalancing) -> list[Alarm]:
    target_group = load_balancing.target_group.get_att("TargetGroupFullName")
    namespace = "AWS/ApplicationELB"
    return [
        Alarm(
            "LoadBalancerErrors",
            "Load balancer or containers answer 5xx",
            [
                Series(namespace, metric, dimensions)
                for metric, dimensions in load_balancing.errors.items()
            ],
            threshold=5,
            expression=_sum(len(load_balancing.errors)),
        ),
        Alarm(
            "UnhealthyTargets",
            "Containers fail the health check",
            [
                Series(
                    namespace,
                    "UnHealthyHostCount",
                    {"LoadBalancer": load_balancing.full_name, "TargetGroup": target_group},
                    "Maximum",
                )
            ],
            threshold=0,
        ),
    ]


def _api_alarms(context: Context, api: Api) -> list[Alarm]:
    dimensions = {"ApiName": context.environment_name(), "Stage": api.stage.ref()}
    return [
        Alarm(
            "ApiErrors",
            "API answers 5xx",
            [Series("AWS/ApiGateway", "5XXError", dimensions)],
            threshold=5,
        ),
        Alarm(
            "ApiLatency",
            "API is slow (milliseconds)",
            [Series("AWS/ApiGateway", "Latency", dimensions, "p95")],
            threshold=3000,
        ),
    ]


def _tasks_alarm(containers: Containers) -> Alarm:
    dimensions = {
        "ClusterName": containers.cluster.ref(),
        "ServiceName": containers.service.get_att("Name"),
    }
    return Alarm(
        "TasksBelowDesired",
        "Fewer tasks run than are desired",
        [
            Series("ECS/ContainerInsights", metric, dimensions, "Average")
            for metric in ("DesiredTaskCount", "RunningTaskCount")
        ],
        threshold=0,
        expression="m1-m2",
        # Longer than a task takes to start.
        minutes=10,
    )


def _database_alarms(database: Database) -> list[Alarm]:
    def series(metric: str, statistic: str) -> list[Series]:
        dimensions = {"DBInstanceIdentifier": database.instance.ref()}
        return [Series("AWS/RDS", metric, dimensions, statistic)]

    return [
        Alarm(
            "DatabaseCpu",
            "Database CPU (percent)",
            series("CPUUtilization", "Average"),
            threshold=80,
            minutes=10,
        ),
        Alarm(
            "DatabaseFreeStorage",
            "Database storage left (bytes), or database down",
            series("FreeStorageSpace", "Minimum"),
            # RDS extends the storage when less than a tenth of it is free.
            threshold=1 * GIBIBYTE,
            comparison="LessThanThreshold",
            # RDS always sends it, so that a database that sends nothing is down
            # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/monitoring-cloudwatch.html).
            missing="breaching",
        ),
        Alarm(
            "DatabaseConnections",
            "Database connections",
            series("DatabaseConnections", "Maximum"),
            threshold=database.connections_alarm,
        ),
    ]


def _cache_alarms(context: Context, cache: Cache) -> list[Alarm]:
    def series(metric: str, statistic: str) -> list[Series]:
        # ElastiCache publishes metrics per node.
        return [
            Series(
                "AWS/ElastiCache",
                metric,
                {"CacheClusterId": Sub(f"${{{cache.replication_group.title}}}-{node}")},
                statistic,
                condition,
            )
            for node, condition in (("001", None), ("002", context.is_multi_zone))
        ]

    return [
        Alarm(
            "CacheMemory",
            "Cache memory in use (percent)",
            series("DatabaseMemoryUsagePercentage", "Maximum"),
            threshold=80,
            expression="MAX(METRICS())",
        ),
        Alarm(
            "CacheEvictions",
            "Cache evicts readings",
            series("Evictions", "Sum"),
            threshold=0,
            expression="MAX(METRICS())",
        ),
    ]


def _rotation_alarm(rotation: Rotation) -> Alarm:
    series = [
        *(
            Series("AWS/Events", "FailedInvocations", {"RuleName": rule.ref()})
            for rule in rotation.rules
        ),
        *(
            Series("AWS/States", metric, {"StateMachineArn": state_machine.ref()})
            for state_machine in rotation.state_machines
            for metric in ("ExecutionsFailed", "ExecutionsTimedOut")
        ),
        # It rings until somebody has dealt with the event.
        Series(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": rotation.dead_letters.get_att("QueueName")},
            "Maximum",
        ),
    ]
    return Alarm(
        "RotationFailed",
        "Password not rotated, or service not deployed after a rotation",
        series,
        threshold=0,
        expression=_sum(len(series)),
        minutes=1,
    )


def _sum(count: int) -> str:
    """Return the sum of this many series, of which each may have no value in a period."""
    return "+".join(f"FILL(m{number},0)" for number in range(1, count + 1))
