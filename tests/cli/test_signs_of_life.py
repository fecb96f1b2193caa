"""What is in progress, said again and again."""

from datetime import UTC, datetime

from iot_pipeline_cfn.cli import signs_of_life
from iot_pipeline_cfn.deploy.events import Event
from processing import wait_for


def event(name, status, *, of_stack=False):
    return Event("1", datetime.now(UTC), name, name, "AWS::SNS::Topic", status, "", "", of_stack)


def test_resources_in_progress_are_said_until_they_are_complete(monkeypatch):
    monkeypatch.setattr(signs_of_life, "SECONDS", 0.01)
    said = []
    with signs_of_life.signs_of_life(lambda seconds, names: said.append((seconds, names))) as see:
        see(event("stack", "CREATE_IN_PROGRESS", of_stack=True))
        for name, status in (("A", "IN_PROGRESS"), ("B", "IN_PROGRESS"), ("A", "COMPLETE")):
            see(event(name, f"CREATE_{status}"))
        wait_for(lambda: said and said[-1][1] == ["B"])
        see(event("B", "CREATE_FAILED"))
        wait_for(lambda: said[-1][1] == [])
    assert [seconds for seconds, _ in said] == sorted(seconds for seconds, _ in said)
    assert not any("stack" in names for _, names in said)
