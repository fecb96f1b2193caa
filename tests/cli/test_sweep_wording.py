"""The sentences and tables about a sweep."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from golden import compare_with_golden
from iot_pipeline_cfn.cli.console import Console
from iot_pipeline_cfn.cli.sweep_command import show_sweep
from iot_pipeline_cfn.cli.sweep_wording import VERDICTS, monthly_price
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.orphans import KINDS, Orphan, OrphanResult
from iot_pipeline_cfn.deploy.sweeping import Candidate, SweepVerdict

GOLDEN = Path(__file__).with_name("golden") / "sweep.txt"


def candidate(suffix, verdict, **result):
    idle = datetime.now(UTC) - timedelta(days=5)
    name, tags = f"iot-pipeline-{suffix}", {"iot-pipeline:environment": suffix}
    arn = f"arn:aws:cloudformation:us-east-1:1:stack/{name}/1"
    stack = Stack(arn, name, "UPDATE_COMPLETE", "", idle, idle, {}, tags, [], False)
    return Candidate(stack, verdict, **result)


CANDIDATES = [
    candidate("pr1", SweepVerdict.PULL_REQUEST_CLOSED),
    candidate("feature-x", SweepVerdict.TIME_OVER, is_deleted=True),
    candidate(
        "pr2",
        SweepVerdict.PULL_REQUEST_CLOSED,
        error=DeploymentError("pr2 could not be deleted\n  any reason", code="deletion-failed"),
    ),
    candidate("pr3", SweepVerdict.PULL_REQUEST_OPEN),
    candidate("pr4", SweepVerdict.PULL_REQUEST_OPEN),
    candidate("prod", SweepVerdict.PROTECTED),
]
LEFTOVERS = [
    OrphanResult(Orphan("log-group", "/ecs/iot-pipeline-pr9", "pr9", gigabytes=0.01)),
    OrphanResult(Orphan("address", "eipalloc-1", "pr9"), is_removed=True),
    OrphanResult(Orphan("task-definitions", "iot-pipeline-pr9", "pr9", count=12)),
    OrphanResult(Orphan("task-definitions", "iot-pipeline-pr8", "pr8")),
    OrphanResult(Orphan("interface", "eni-1", "pr9"), error="access denied"),
    OrphanResult(Orphan("database-snapshot", "prod-1", "prod", False, gigabytes=20)),
]
UNREADABLE = {"cache-snapshot": "access denied to DescribeSnapshots"}


def test_wording_of_a_sweep(capsys):
    text = ""
    for sweep in ((CANDIDATES, LEFTOVERS, UNREADABLE), ([], [], {}), (CANDIDATES[3:], [], {})):
        show_sweep(Console(location={"location": {"region": "us-east-1"}}), {3, 4}, *sweep)
        text += "".join(capsys.readouterr()) + "\n"
    compare_with_golden(GOLDEN, text)
    assert max(map(len, text.splitlines())) <= 80


def test_every_verdict_and_kind_has_words_or_a_price():
    assert VERDICTS.keys() == {*SweepVerdict}
    for kind in KINDS:
        assert monthly_price(Orphan(kind, "any", "pr1", gigabytes=20), "us-east-1") is not None
    assert monthly_price(Orphan("log-group", "any", "pr1"), "nowhere") is None


def test_price_follows_the_size():
    snapshot = Orphan("database-snapshot", "any", "pr1", gigabytes=20)
    assert monthly_price(snapshot, "us-east-1") == pytest.approx(1.90)
    assert monthly_price(Orphan("address", "any", "pr1"), "us-east-1") == pytest.approx(3.65)
