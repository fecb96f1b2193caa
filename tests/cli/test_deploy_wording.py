"""The sentences of the deployment commands."""

from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.cli.deploy_wording import (
    age,
    environment_table,
    in_progress_line,
    time_left,
)
from iot_pipeline_cfn.deploy.events import Event
from iot_pipeline_cfn.deploy.inventory import Summary
from iot_pipeline_cfn.deploy.operation_progress import OperationProgress


def summary_of(name, region="us-east-1", **others):
    now = datetime.now(UTC)
    facts = {
        "created": now,
        "updated": now,
        "expires": now + timedelta(hours=50),
        "commit": "1234567" + "0" * 33,
        "pull_request": 12,
    }
    texts = {"owner": "somebody", "created_by": "arn", "image": "v1"}
    stack, state = f"iot-pipeline-{name}", "UPDATE_COMPLETE"
    return Summary(name, stack, region, state, **facts | texts | {"protected": False} | others)


def test_list_drops_columns_where_there_is_no_room_and_never_shortens_a_name():
    long = "feature-" + "x" * 24
    summaries = [summary_of("pr12"), summary_of(long, protected=True, pull_request=None)]
    wide = environment_table(summaries, [10.0, None], 200)
    assert wide == [
        ["Environment", "State", "Left", "Age", "PR", "Commit", "Owner", "Image", "Monthly"],
        ["pr12", "UPDATE_COMPLETE", "2 d", "0 s", "12", "1234567", "somebody", "v1", "$10.00"],
        [long, "UPDATE_COMPLETE", "protected", "0 s", "", "1234567", "somebody", "v1", "unknown"],
        ["total", "", "", "", "", "", "", "", "$10.00 + 1 unknown"],
    ]
    narrow = environment_table(summaries, [10.0, 5.0], 80)
    assert narrow[0] == ["Environment", "State", "Left", "Age", "PR", "Monthly"]
    assert [row[0] for row in narrow] == ["Environment", "pr12", long, "total"]
    regions = environment_table([summary_of("a"), summary_of("b", "eu-west-1")], [1.0, 1.0], 80)
    assert [row[1] for row in regions] == ["Region", "us-east-1", "eu-west-1", ""]


def test_time_that_is_over_is_said_so():
    assert time_left(None) == "no end"
    assert time_left(datetime.now(UTC) + timedelta(days=3, seconds=-5)) == "3 d"
    assert time_left(datetime.now(UTC) - timedelta(days=1)) == "over"


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=9), "9 d"),
        (-timedelta(seconds=5), "0 s"),
    ],
)
def test_age_is_shown_in_the_largest_unit(ago, shown):
    """A clock behind that of AWS shows 0 s."""
    assert age(datetime.now(UTC) - ago) == shown


@pytest.mark.parametrize(
    ("status", "more"), [("CREATE_IN_PROGRESS", ", usually 9 min"), ("UPDATE_IN_PROGRESS", "")]
)
def test_line_of_what_is_waited_for_has_the_usual_time_of_a_creation(status, more):
    time = datetime.now(UTC) - timedelta(seconds=130)
    event = Event("1", time, "Database", "", "AWS::RDS::DBInstance", status, "", "", False)
    progress = OperationProgress()
    progress.see(event)
    assert in_progress_line("creating pr1", 180, progress) == (
        f"still creating pr1 after 3 min 0 s: Database (2 min 10 s{more})"
    )
