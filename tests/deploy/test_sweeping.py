"""Which environments nobody needs any more, and their deletion."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from iot_pipeline_cfn.deploy import sweeping
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.planning import DECISIONS
from iot_pipeline_cfn.deploy.sweeping import (
    AT_ONCE,
    Candidate,
    SweepVerdict,
    delete_candidates,
    find_candidates,
    judge,
    require_swept,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EPHEMERAL = {"Durability": "ephemeral"}


def stack(suffix="pr12", *, idle=1.0, ttl="3d", status="UPDATE_COMPLETE", **others):
    """Return the stack of an old environment, whose last deployment is some days ago."""
    tags = {"iot-pipeline:environment": suffix}
    facts = {
        "reason": "",
        "created": NOW - timedelta(days=100),
        "updated": NOW - timedelta(days=idle),
        "parameters": EPHEMERAL,
        "tags": tags | ({"iot-pipeline:time-to-live": ttl} if ttl else {}),
        "outputs": [],
        "termination_protection": False,
    }
    name = f"iot-pipeline-{suffix}"
    arn = f"arn:aws:cloudformation:us-east-1:1:stack/{name}/1"
    return Stack(arn, name, status, **facts | others)


@pytest.mark.parametrize(
    ("found", "numbers", "verdict"),
    [
        (stack(), None, SweepVerdict.TIME_LEFT),
        (stack(idle=4), None, SweepVerdict.TIME_OVER),
        (stack(idle=4, ttl=None), None, SweepVerdict.NO_END),
        (stack(idle=4, ttl="soon"), None, SweepVerdict.NO_END),
        # An open pull request keeps its environment, however old and idle that is.
        (stack(idle=99), {12}, SweepVerdict.PULL_REQUEST_OPEN),
        (stack(), {11}, SweepVerdict.PULL_REQUEST_CLOSED),
        (stack(ttl=None), set(), SweepVerdict.PULL_REQUEST_CLOSED),
        (stack("feature-x", idle=4), {11}, SweepVerdict.TIME_OVER),
        (stack("feature-x"), set(), SweepVerdict.TIME_LEFT),
        (stack(termination_protection=True), set(), SweepVerdict.PROTECTED),
        (stack(parameters={"Durability": "protected"}), set(), SweepVerdict.PROTECTED),
        (stack(parameters={}), set(), SweepVerdict.PROTECTED),
        (stack(tags={}), set(), SweepVerdict.FOREIGN),
        (stack("account"), set(), SweepVerdict.FOREIGN),
        (stack(status="SOMETHING_NEW"), set(), SweepVerdict.UNKNOWN_STATUS),
        (stack(status="UPDATE_IN_PROGRESS"), set(), SweepVerdict.IN_PROGRESS),
        (stack(status="CREATE_IN_PROGRESS"), set(), SweepVerdict.IN_PROGRESS),
        (stack(status="DELETE_FAILED"), set(), SweepVerdict.PULL_REQUEST_CLOSED),
        (stack(status="ROLLBACK_COMPLETE", idle=4), None, SweepVerdict.TIME_OVER),
    ],
)
def test_verdict_follows_pull_request_and_last_activity(found, numbers, verdict):
    assert judge(found, numbers, NOW) == verdict


@pytest.mark.parametrize("status", sorted(DECISIONS))
def test_nothing_in_progress_is_deleted(status):
    found = judge(stack(status=status), set(), NOW)
    assert not (found.deletes and "IN_PROGRESS" in status and not status.startswith("REVIEW"))


class Deletions:
    """Deletions that take a moment, and count how many run at once."""

    def __init__(self, monkeypatch, failing=()):
        self.running = self.most = 0
        self.deleted = []
        self._lock = threading.Lock()
        self._failing = failing
        monkeypatch.setattr(sweeping, "destroy", self.destroy)
        monkeypatch.setattr(sweeping.cloudformation, "find_stack", lambda _, arn: self.now[arn])

    def open(self, found):
        operations = type("Operations", (), {"client": None})()
        operations.stack = found
        return operations

    def destroy(self, operations, _consent):
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        threading.Event().wait(0.02)
        with self._lock:
            self.running -= 1
            self.deleted.append(operations.stack.name)
        if operations.stack.name in self._failing:
            raise self._failing[operations.stack.name]

    def run(self, stacks, now=()):
        self.now = {each.arn: each for each in (*stacks, *now)}
        return delete_candidates(find_candidates(stacks, set()), set(), self.open, pause=0)


def test_a_few_are_deleted_at_once_and_failures_stop_nothing(monkeypatch):
    stacks = [stack(f"pr{number}") for number in range(1, 10)]
    failing = {
        "iot-pipeline-pr2": DeploymentError("any", code="deletion-failed"),
        "iot-pipeline-pr3": KeyError("a mistake of ours"),
    }
    deletions = Deletions(monkeypatch, failing)
    done = deletions.run([*stacks, stack("prod", termination_protection=True)])
    assert 1 < deletions.most <= AT_ONCE
    assert {each.stack.name for each in done if each.is_deleted} == {
        each.name for each in stacks if each.name not in failing
    }
    assert [each.error and each.error.code for each in done][1:3] == ["deletion-failed", "failed"]
    assert [each.verdict for each in done][-1] is SweepVerdict.PROTECTED
    with pytest.raises(DeploymentError) as caught:
        require_swept(done, [])
    assert (caught.value.exit_code, caught.value.details["environments"]) == (5, [*failing])


def test_environment_that_has_changed_since_is_judged_again(monkeypatch):
    """Its deletion may have waited for others for an hour."""
    stacks = [stack(f"pr{number}") for number in range(1, 5)]
    now = [
        stack("pr1", status="UPDATE_IN_PROGRESS"),
        stack("pr2", termination_protection=True),
        stack("pr3", status="DELETE_COMPLETE"),
        # Its pull request is open again.
        stack("pr4", idle=0),
    ]
    deletions = Deletions(monkeypatch)
    done = deletions.run(stacks, now)
    verdicts = [
        SweepVerdict.IN_PROGRESS,
        SweepVerdict.PROTECTED,
        SweepVerdict.GONE,
        SweepVerdict.CHANGED,
    ]
    assert [each.verdict for each in done] == verdicts
    assert deletions.deleted == []


def test_interruption_begins_no_more_deletions(monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    deletions = Deletions(monkeypatch)
    monkeypatch.setattr(sweeping.time, "sleep", interrupt)
    with pytest.raises(DeploymentError) as caught:
        deletions.run([stack("pr1"), stack("pr2")])
    assert (caught.value.code, caught.value.exit_code) == ("interrupted", 130)
    assert "iot-pipeline-pr2" not in deletions.deleted


def test_environment_that_cannot_be_read_is_kept(monkeypatch):
    deletions = Deletions(monkeypatch)
    monkeypatch.setattr(sweeping.cloudformation, "find_stack", lambda *_: 1 / 0)
    (done,) = deletions.run([stack()])
    assert (deletions.deleted, done.is_deleted, done.error.code) == ([], False, "failed")


def test_sweep_without_failures_is_done():
    require_swept([Candidate(stack(), SweepVerdict.TIME_OVER)], [])
