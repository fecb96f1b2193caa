"""The state of an environment as Markdown."""

from dataclasses import replace
from datetime import UTC, datetime

from iot_pipeline_cfn.cli.status_markdown import environment_markdown
from iot_pipeline_cfn.deploy.cloudformation import Output, Stack
from iot_pipeline_cfn.deploy.environment_status import EnvironmentStatus
from iot_pipeline_cfn.deploy.inventory import Summary

MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
STACK = Stack(
    "arn:aws:cloudformation:eu-west-1:123456789012:stack/iot-pipeline-pr1/1",
    "iot-pipeline-pr1",
    "UPDATE_ROLLBACK_COMPLETE",
    "",
    MOMENT,
    None,
    {"ImageTag": "v1", "Commit": "abc"},
    {"iot-pipeline:environment": "PR-1", "iot-pipeline:time-to-live": "1d"},
    [Output("ApiInvokeUrl", "https://abc.example/prod/ingest", "")],
    False,
)


def test_state_url_and_price_are_shown():
    status = EnvironmentStatus(
        Summary.of(STACK), "123456789012 failed | @all", in_step_with_template=True
    )
    assert environment_markdown(status, STACK, 113.664).splitlines() == [
        "| Environment `PR-1` |  |",
        "| --- | --- |",
        "| State | `UPDATE_ROLLBACK_COMPLETE`: ... failed \\| &#64;all |",
        "| URL | `https://abc.example/prod/ingest` |",
        "| Image | `v1` |",
        "| Commit | `abc` |",
        "| Cost | about $113.66 a month at list prices, without what is billed by use |",
        "| Kept until | 2026-02-01 12:00 UTC |",
        "| Region | `eu-west-1` |",
    ]


def test_what_is_not_known_is_left_out_or_said():
    stack = replace(STACK, parameters={}, tags={}, outputs=[])
    status = EnvironmentStatus(Summary.of(stack), "", in_step_with_template=True)
    lines = environment_markdown(status, stack, None).splitlines()
    assert lines[2:5] == [
        "| State | `UPDATE_ROLLBACK_COMPLETE` |",
        "| Image | none, so no task runs |",
        "| Cost | not known |",
    ]
