"""Readings that the API refuses, or accepts although it should not."""

import pytest

from breaking import DEPLOY_IMAGE, properties


def remove_integration(template):
    del properties(template, "IngestMethod")["Integration"]


def require_no_api_key(template):
    properties(template, "IngestMethod")["ApiKeyRequired"] = False


def forward_everything(template):
    forward = {"TargetGroupArn": {"Ref": "TargetGroup"}, "Type": "forward"}
    properties(template, "HttpListener")["DefaultActions"] = [forward]


@pytest.mark.parametrize(
    ("breakage", "code", "details"),
    [
        (remove_integration, "reading-refused", {"status": 500}),
        (forward_everything, "wrong-status", {"request": "bypassing", "status": 200}),
        (require_no_api_key, "wrong-status", {"request": "unauthorized", "status": 200}),
    ],
)
def test_broken_api_fails_the_readings(failure_of, breakage, code, details):
    failure = failure_of(breakage, *DEPLOY_IMAGE, "ingest")
    assert failure.code == code
    assert failure.details.items() >= details.items()
