"""Log groups that are there after the deletion of their stack."""

from datetime import UTC, datetime

import pytest

from deploying import log_group, small_template
from iot_pipeline_cfn.deploy import service_layer
from iot_pipeline_cfn.deploy.deletion import DeletedResource, DeletionOutcome, DeletionPlan
from iot_pipeline_cfn.deploy.environments import Environment
from iot_pipeline_cfn.deploy.events import Event
from iot_pipeline_cfn.deploy.late_log_groups import delete_late_log_groups
from iot_pipeline_cfn.deploy.observer import Observer
from iot_pipeline_cfn.deploy.operations import Operations
from preflights import stubbed

NAME = "/aws/ecs/containerinsights/iot-pipeline-pr1/performance"
PR1 = Environment("pr1", "pr1")


def names_of_groups(aws):
    return [group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"]]


@pytest.fixture
def destroyed(project, aws, monkeypatch):
    """A function that destroys an environment to whose log group a service writes once more."""
    project.write(small_template({"Insights": log_group(NAME)}))
    assert project.deploy("pr1").status == 0
    delete = service_layer.delete

    def delete_and_write(*arguments, **options):
        events = delete(*arguments, **options)
        aws("logs").create_log_group(logGroupName=NAME)
        aws("logs").create_log_group(logGroupName=f"{NAME}-of-somebody-else")
        return events

    monkeypatch.setattr(service_layer, "delete", delete_and_write)
    return lambda *options: project.run("destroy", "pr1", "--yes", *options)


def test_log_group_that_comes_back_is_deleted(destroyed, aws):
    done = destroyed("--json")
    assert (done.status, done.documents[-1]["late_log_groups"]) == (0, [NAME])
    assert names_of_groups(aws) == [f"{NAME}-of-somebody-else"]


def test_user_is_told_of_a_log_group_that_comes_back(destroyed):
    *_, told, end = destroyed().err.splitlines()
    assert (NAME in told, end[:14]) == (True, "pr1 is deleted")


def event(logical_id, kind, physical_id):
    when = datetime(2026, 1, 31, tzinfo=UTC)
    return Event("1", when, logical_id, physical_id, kind, "DELETE_COMPLETE", "", "", False)


def delete_after(connection, outcome, *observer):
    """Delete the log groups after a database and a log group were deleted."""
    resources = [DeletedResource("Database", "AWS::RDS::DBInstance", outcome)]
    events = [
        event("Database", "AWS::RDS::DBInstance", "database-1"),
        event("Insights", "AWS::Logs::LogGroup", NAME),
    ]
    operations = Operations(PR1, connection, *observer)
    return delete_late_log_groups(operations, DeletionPlan(None, resources), events)


@pytest.mark.parametrize("outcome", [DeletionOutcome.DELETED, DeletionOutcome.SNAPSHOT])
def test_logs_of_a_database_go_unless_a_snapshot_is_kept(aws, connect_to, outcome):
    logs, other = "/aws/rds/instance/database-1/postgresql", "/aws/rds/instance/database-10/any"
    for name in (logs, other):
        aws("logs").create_log_group(logGroupName=name)
    deleted = [logs] * (outcome is DeletionOutcome.DELETED)
    assert delete_after(connect_to(), outcome) == deleted
    assert names_of_groups(aws) == sorted({logs, other} - {*deleted})


def test_log_group_of_the_next_stack_is_kept(project, aws, connect_to):
    project.write(small_template({"Insights": log_group(NAME)}))
    assert project.deploy("pr1").status == 0
    assert delete_after(connect_to(), DeletionOutcome.DELETED) == []
    assert names_of_groups(aws) == [NAME]


def test_log_groups_that_cannot_be_listed_are_a_notice():
    class Notices(list, Observer):
        notify = list.append

    notices = Notices()
    denied = stubbed(logs=[("describe_log_groups", "AccessDeniedException")])
    assert delete_after(denied, DeletionOutcome.DELETED, notices) == []
    assert [notice.code for notice in notices] == ["log-groups-not-deleted"]
