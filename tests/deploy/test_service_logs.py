"""Reading and following the logs of an environment."""

from datetime import UTC, datetime, timedelta

from iot_pipeline_cfn.cli.logs_command import SOURCES
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.service_logs import LATE, OUTPUTS, follow_log

STREAM = {"logGroupName": "any", "logStreamName": "one"}


def test_each_event_is_seen_once_also_if_it_is_late(aws, connect_to):
    logs, now = aws("logs"), datetime.now(UTC).replace(microsecond=0)
    logs.create_log_group(logGroupName="any")
    logs.create_log_stream(**STREAM)

    def put(message, age=timedelta()):
        timestamp = int((now - age).timestamp() * 1000)
        logs.put_log_events(**STREAM, logEvents=[{"timestamp": timestamp, "message": message}])

    operations = Operations(Environment("pr1", "pr1"), connect_to())
    put("old", timedelta(hours=2))
    put("first")
    events = follow_log(operations, "any", now - timedelta(hours=1))
    assert next(events).message == "first"
    put("late", LATE / 2)
    assert next(events).message == "late"
    put("second", -timedelta(seconds=1))
    found = next(events)
    assert (found.message, found.stream) == ("second", "one")
    assert found.time == now + timedelta(seconds=1)


def test_every_log_group_of_the_template_can_be_read(template):
    groups = {name for name in template["Outputs"] if name.endswith("LogGroupName")}
    assert groups - {"ContainerInsightsLogGroupName"} == {*OUTPUTS.values()}
    assert {*SOURCES} == OUTPUTS.keys()
