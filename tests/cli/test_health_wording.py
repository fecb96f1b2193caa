"""The sentences for what does not work after a deployment."""

import pytest

from iot_pipeline_cfn.cli.health_wording import PROBLEMS, problem_text
from iot_pipeline_cfn.template.findings import Finding, Severity

DETAILS = {
    "missing": ({}, "Service does not exist"),
    "not-available": ({"state": "creating"}, "Service is creating"),
    "other-task-definition": ({"running": "a:1", "expected": "a:2"}, "Service runs a:1, not a:2"),
    "rollout-failed": ({"reason": "why"}, "Service: its rollout has failed (why)"),
    "rollout-in-progress": (
        {"running": 1, "desired": 2},
        "Service: 1 of 2 tasks of the rollout run",
    ),
    "targets-unhealthy": (
        {"healthy": 0, "desired": 1, "reasons": ["a", "b"]},
        "Service: 0 of 1 targets are healthy (a, b)",
    ),
}


@pytest.mark.parametrize("code", PROBLEMS)
def test_problem_is_described(code):
    details, words = DETAILS[code]
    problem = Finding(code, Severity.WARNING, "Service", details)
    assert problem_text(problem) == words
