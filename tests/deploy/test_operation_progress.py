"""The progress of an operation, as its events tell it."""

from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.deploy.events import Event
from iot_pipeline_cfn.deploy.operation_progress import OperationProgress


def event(status, name="A", *, seconds=0, of_stack=False):
    time = datetime.now(UTC) - timedelta(minutes=5) + timedelta(seconds=seconds)
    return Event("1", time, name, name, "AWS::SNS::Topic", status, "", "", of_stack)


def test_duration_counts_from_the_first_event_of_a_resource():
    progress = OperationProgress(["A", "B", "C"])
    for seconds in (0, 5):
        assert progress.see(event("CREATE_IN_PROGRESS", seconds=seconds)) is None
    progress.see(event("CREATE_IN_PROGRESS", "B", seconds=7))
    assert progress.see(event("CREATE_COMPLETE", seconds=12)) == pytest.approx(12, abs=0.1)
    assert progress.seconds_by_resource() == {"B": pytest.approx(293, abs=1)}
    assert progress.completed == 1
    assert progress.see(event("CREATE_COMPLETE", "elsewhere")) is None
    assert progress.completed == 1


@pytest.mark.parametrize(
    ("status", "total", "completed"),
    [
        # Resources that turn out to keep their values have no events.
        ("UPDATE_COMPLETE", 2, 2),
        # A rollback works on an unknown number.
        ("UPDATE_ROLLBACK_IN_PROGRESS", 0, 0),
        ("UPDATE_IN_PROGRESS", 2, 1),
    ],
)
def test_events_of_the_stack_decide_about_the_total(status, total, completed):
    progress = OperationProgress(["A", "B"])
    progress.see(event("UPDATE_COMPLETE"))
    progress.see(event(status, "stack", of_stack=True))
    assert (len(progress.logical_ids), progress.completed) == (total, completed)
