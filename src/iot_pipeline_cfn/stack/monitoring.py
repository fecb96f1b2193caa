"""Alarms on what people would be woken up for, the topic that carries them, and a dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import (
    AWSHelperFn,
    If,
    NoValue,
    Region,
    Sub,
    Template,
)
from troposphere.cloudwatch import (
    Alarm,
    Dashboard,
    Metric,
    MetricDataQuery,
    MetricDimension,
    MetricStat,
)
from troposphere.sns import Subscription, Topic

from .api import Api
from .cache import Cache
from .context import Environment
from .database import Database
from .language_extensions import ToJsonString
from .load_balancer import LoadBalancing
from .naming import environment_name, tags
from .rotation import Rotation
from .sections import add_condition, add_optional, add_output, is_given
from .service import Containers

COMPONENT = "monitoring"
PERIOD_SECONDS = 60
GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Series:
    """A metric of one resource: what CloudWatch knows it by, and how it sums up a period."""

    namespace: str
    name: str
    dimensions: Mapping[str, AWSHelperFn | str]
    statistic: str = "Sum"
    exists: str | None = None
    """The name of the condition under which the resource exists."""

    def query(self, identifier: str) -> MetricDataQuery | If:
        """Return the series as a term of an expression."""
        metric = Metric(
            Dimensions=self.alarm_dimensions(), MetricName=self.name, Namespace=self.namespace
        )
        query = MetricDataQuery(
            Id=identifier,
            MetricStat=MetricStat(Metric=metric, Period=PERIOD_SECONDS, Stat=self.statistic),
            ReturnData=False,
        )
        return query if self.exists is None else If(self.exists, query, NoValue)

    def alarm_dimensions(self) -> list[MetricDimension]:
        """Return the dimensions as alarms take them."""
        return [MetricDimension(Name=name, Value=value) for name, value in self.dimensions.items()]

    def row(self) -> list[Any]:
        """Return the series as a row of a graph, in which what does not exist draws nothing."""
        dimensions = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *dimensions, {"stat": self.statistic}]


@dataclass(frozen=True)
class Watch:
    """What is watched, and what is too much of it.

    Several series are brought together by an `expression` over `m1`, `m2` and so on.
    """

    name: str
    description: str
    series: Sequence[Series]
    threshold: int | AWSHelperFn
    comparison: str = "GreaterThanThreshold"
    expression: str | None = None
    minutes: int = 5

    def alarm(self, environment: Environment, topic: Topic) -> Alarm:
        """Return the alarm that tells the topic."""
        return Alarm(
            f"{self.name}Alarm",
            AlarmActions=[topic.ref()],
            AlarmDescription=self.description,
            AlarmName=environment_name(environment.suffix, ending=f"/{self.name}"),
            ComparisonOperator=self.comparison,
            EvaluationPeriods=self.minutes,
            OKActions=[topic.ref()],
            Tags=tags(environment.suffix, self.name, component=COMPONENT),
            Threshold=self.threshold,
            TreatMissingData="notBreaching",
            **self._metric(),
        )

    def _metric(self) -> dict[str, Any]:
        if self.expression is not None:
            terms = [series.query(f"m{number}") for number, series in enumerate(self.series, 1)]
            return {"Metrics": [MetricDataQuery(Expression=self.expression, Id="e1"), *terms]}
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
    template: Template,
    *,
    environment: Environment,
    load_balancing: LoadBalancing,
    containers: Containers,
    database: Database,
    cache: Cache,
    api: Api,
    rotation: Rotation,
) -> None:
    """Add an alarm for everything that is watched, and the dashboard that shows all of it."""
    topic = _add_topic(template, environment)
    watches = [
        *watch_load_balancer(load_balancing),
        *watch_api(environment, api),
        watch_tasks(containers),
        *watch_database(database),
        *watch_cache(environment, cache),
        watch_rotation(rotation),
    ]
    for watch in watches:
        template.add_resource(watch.alarm(environment, topic))
    template.add_resource(
        Dashboard(
            "Dashboard",
            DashboardBody=ToJsonString({"widgets": [_widget(watch) for watch in watches]}),
            DashboardName=environment_name(environment.suffix),
            Tags=tags(environment.suffix, "dashboard", component=COMPONENT),
        )
    )


def _add_topic(template: Template, environment: Environment) -> Topic:
    email = add_optional(
        template,
        "AlarmEmail",
        r"[^@\s]+@[^@\s]+\.[^@\s]+",
        constraint="An e-mail address.",
        description="Optional: who is told of alarms, once they confirm the subscription.",
        group="Environment",
        label="Alarm e-mail",
    )
    has_email = add_condition(template, "HasAlarmEmail", is_given(email))
    topic = template.add_resource(
        Topic(
            "AlarmTopic",
            Subscription=[
                If(has_email, Subscription(Endpoint=email.ref(), Protocol="email"), NoValue)
            ],
            Tags=tags(environment.suffix, "alarms", component=COMPONENT),
        )
    )
    add_output(template, "AlarmTopicArn", "Topic of the alarms.", topic.ref())
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


def watch_load_balancer(load_balancing: LoadBalancing) -> list[Watch]:
    """Return what is watched at the load balancer."""
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


def watch_api(environment: Environment, api: Api) -> list[Watch]:
    """Return what is watched at the API."""
    dimensions = {"ApiName": environment_name(environment.suffix), "Stage": api.stage.ref()}
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


def watch_tasks(containers: Containers) -> Watch:
    """Return what is watched at the service."""
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
        # Longer than a task needs to start.
        minutes=10,
    )


def watch_database(database: Database) -> list[Watch]:
    """Return what is watched at the database."""

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
            # Storage grows by itself when less than a tenth of it is left.
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


def watch_cache(environment: Environment, cache: Cache) -> list[Watch]:
    """Return what is watched at the cache, whose metrics are those of its nodes."""

    def series(metric: str, statistic: str) -> list[Series]:
        return [
            Series(
                "AWS/ElastiCache",
                metric,
                {"CacheClusterId": Sub(f"${{{cache.replication_group.title}}}-{node}")},
                statistic,
                exists,
            )
            for node, exists in (("001", None), ("002", environment.is_multi_zone))
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


def watch_rotation(rotation: Rotation) -> Watch:
    """Return what is watched once the database password has been rotated."""
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
