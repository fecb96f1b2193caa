"""The alarms that need somebody's attention, their SNS topic, and a dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import AWSHelperFn, If, Region, Sub
from troposphere import cloudwatch as cw
from troposphere.sns import Subscription, Topic

from .api import Api
from .cache import Cache
from .conditions import Condition, is_given
from .context import Context, ToJsonString
from .database import Database
from .load_balancer import LoadBalancing
from .rotation import Rotation
from .service import Containers

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
        return [
            cw.MetricDimension(Name=name, Value=value) for name, value in self.dimensions.items()
        ]

    def row(self) -> list[Any]:
        """Return the series as a line of a graph; a resource that does not exist has none."""
        dimensions = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *dimensions, {"stat": self.statistic}]


@dataclass(frozen=True)
class Watch:
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

    def alarm(self, context: Context, topic: Topic) -> cw.Alarm:
        """Return the alarm, which notifies the topic."""
        return cw.Alarm(
            f"{self.name}Alarm",
            AlarmActions=[topic.ref()],
            AlarmDescription=self.description,
            AlarmName=context.environment_name(ending=f"/{self.name}"),
            ComparisonOperator=self.comparison,
            EvaluationPeriods=self.minutes,
            OKActions=[topic.ref()],
            Threshold=self.threshold,
            TreatMissingData="notBreaching",
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
    topic = _add_topic(context)
    watches = [
        *_watch_load_balancer(load_balancing),
        *_watch_api(context, api),
        _watch_tasks(containers),
        *_watch_database(database),
        *_watch_cache(context, cache),
        _watch_rotation(rotation),
    ]
    for watch in watches:
        context.add(watch.alarm(context, topic))
    context.add(
        cw.Dashboard(
            "Dashboard",
            DashboardBody=ToJsonString({"widgets": [_widget(watch) for watch in watches]}),
            DashboardName=context.environment_name(),
        )
    )


def _add_topic(context: Context) -> Topic:
    email = context.add_optional(
        "AlarmEmail",
        r"[^@\s]+@[^@\s]+\.[^@\s]+",
        constraint="An e-mail address.",
        description="Optional: who is told of alarms, once they confirm the subscription.",
        group="Environment",
        label="Alarm e-mail",
    )
    has_email = context.add_condition("HasAlarmEmail", is_given(email))
    topic = context.add(
        Topic(
            "AlarmTopic",
            Subscription=[has_email.choose(Subscription(Endpoint=email.ref(), Protocol="email"))],
        )
    )
    context.add_output("AlarmTopicArn", "Topic of the alarms.", topic.ref())
    return topic


def _widget(watch: Watch) -> dict[str, Any]:
    return {
        "properties": {
            "metrics": [series.row() for series in watch.series],
            "period": PERIOD_SECONDS,
            "region": Region,
            "title": watch.description,
        },
        "type": "metric",
    }


def _watch_load_balancer(load_balancing: LoadBalancing) -> list[Watch]:
    """Return the alarms of the load balancer."""
    name = load_balancing.load_balancer.get_att("LoadBalancerFullName")
    target_group = load_balancing.target_group.get_att("TargetGroupFullName")
    namespace = "AWS/ApplicationELB"
    return [
        Watch(
            "LoadBalancerErrors",
            "Load balancer or containers answer 5xx",
            [
                Series(namespace, metric, {"LoadBalancer": name})
                for metric in ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
            ],
            threshold=5,
            expression="FILL(m1,0)+FILL(m2,0)",
        ),
        Watch(
            "UnhealthyTargets",
            "Containers fail the health check",
            [
                Series(
                    namespace,
                    "UnHealthyHostCount",
                    {"LoadBalancer": name, "TargetGroup": target_group},
                    "Maximum",
                )
            ],
            threshold=0,
        ),
    ]


def _watch_api(context: Context, api: Api) -> list[Watch]:
    """Return the alarms of the API."""
    dimensions = {"ApiName": context.environment_name(), "Stage": api.stage.ref()}
    return [
        Watch(
            "ApiErrors",
            "API answers 5xx",
            [Series("AWS/ApiGateway", "5XXError", dimensions)],
            threshold=5,
        ),
        Watch(
            "ApiLatency",
            "API is slow (milliseconds)",
            [Series("AWS/ApiGateway", "Latency", dimensions, "p95")],
            threshold=3000,
        ),
    ]


def _watch_tasks(containers: Containers) -> Watch:
    """Return the alarm of the service."""
    dimensions = {
        "ClusterName": containers.cluster.ref(),
        "ServiceName": containers.service.get_att("Name"),
    }
    return Watch(
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


def _watch_database(database: Database) -> list[Watch]:
    """Return the alarms of the database."""

    def series(metric: str, statistic: str) -> list[Series]:
        dimensions = {"DBInstanceIdentifier": database.instance.ref()}
        return [Series("AWS/RDS", metric, dimensions, statistic)]

    return [
        Watch(
            "DatabaseCpu",
            "Database CPU (percent)",
            series("CPUUtilization", "Average"),
            threshold=80,
            minutes=10,
        ),
        Watch(
            "DatabaseFreeStorage",
            "Database storage left (bytes)",
            series("FreeStorageSpace", "Minimum"),
            # RDS extends the storage when less than a tenth of it is free.
            threshold=1 * GIBIBYTE,
            comparison="LessThanThreshold",
        ),
        Watch(
            "DatabaseConnections",
            "Database connections",
            series("DatabaseConnections", "Maximum"),
            threshold=database.connections_alarm,
        ),
    ]


def _watch_cache(context: Context, cache: Cache) -> list[Watch]:
    """Return the alarms of the cache. ElastiCache publishes metrics per node."""

    def series(metric: str, statistic: str) -> list[Series]:
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
        Watch(
            "CacheMemory",
            "Cache memory in use (percent)",
            series("DatabaseMemoryUsagePercentage", "Maximum"),
            threshold=80,
            expression="MAX(METRICS())",
        ),
        Watch(
            "CacheEvictions",
            "Cache evicts readings",
            series("Evictions", "Sum"),
            threshold=0,
            expression="MAX(METRICS())",
        ),
    ]


def _watch_rotation(rotation: Rotation) -> Watch:
    """Return the alarm of the rotation of the database password."""
    state_machine = {"StateMachineArn": rotation.state_machine.ref()}
    return Watch(
        "RotationFailed",
        "Service not rolled after a rotation of the password",
        [
            Series("AWS/Events", "FailedInvocations", {"RuleName": rotation.rule.ref()}),
            Series("AWS/States", "ExecutionsFailed", state_machine),
            Series("AWS/States", "ExecutionsTimedOut", state_machine),
        ],
        threshold=0,
        expression="FILL(m1,0)+FILL(m2,0)+FILL(m3,0)",
        minutes=1,
    )
