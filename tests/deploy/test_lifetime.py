"""The origin and the lifetime of environments."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploying import small_template, stack_of
from emulated import tags
from iot_pipeline_cfn.deploy import lifetime
from iot_pipeline_cfn.deploy.cloudformation import Stack
from iot_pipeline_cfn.deploy.lifetime import duration, expiry, origin_tags, pull_request, renewal

CREATED = datetime(2026, 1, 31, tzinfo=UTC)
RECORDED = {name: {"Type": "String", "Default": ""} for name in ("Commit", "RenewedAt")}
OUTPUTS = {name: {"Value": {"Ref": name}} for name in RECORDED}
FIRST, SECOND = "1" * 40, "2" * 40


def stack(name="iot-pipeline-pr12", updated=None, **given):
    own = {f"iot-pipeline:{key.replace('_', '-')}": value for key, value in given.items()}
    return Stack("arn", name, "CREATE_COMPLETE", "", CREATED, updated, {}, own, [], False)


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("2w", timedelta(days=14))],
)
def test_duration_has_a_unit(text, length):
    assert duration(text) == length


def test_time_begins_anew_with_each_update():
    assert expiry(stack(time_to_live="3d")) == CREATED + timedelta(days=3)
    updated = CREATED + timedelta(days=2)
    assert expiry(stack(updated=updated, time_to_live="3d")) == CREATED + timedelta(days=5)
    assert expiry(stack()) is None


@pytest.mark.parametrize(
    ("name", "tag", "number"),
    [
        ("iot-pipeline-pr12", {}, 12),
        ("iot-pipeline-pr-12", {}, 12),
        ("iot-pipeline-pr12", {"pull_request": "13"}, 13),
        ("iot-pipeline-feature-x", {"pull_request": "13"}, 13),
        ("iot-pipeline-pr12-again", {}, None),
        ("iot-pipeline-prod", {}, None),
    ],
)
def test_pull_request_is_named_by_a_tag_or_by_the_environment(name, tag, number):
    assert pull_request(stack(name, **tag)) == number


def test_people_stay_and_what_is_given_replaces_the_rest():
    previous = {"iot-pipeline:owner": "a", "iot-pipeline:time-to-live": "3d", "Other": "x"}
    given = {"iot-pipeline:owner": "b", "iot-pipeline:time-to-live": "1d"}
    assert origin_tags(given, previous) == {
        "iot-pipeline:owner": "a",
        "iot-pipeline:time-to-live": "1d",
    }
    assert origin_tags(dict.fromkeys(given), previous)["iot-pipeline:time-to-live"] == "3d"
    assert origin_tags({"iot-pipeline:time-to-live": "none"}, previous) == {}
    assert origin_tags({"iot-pipeline:owner": "a,b"}, {}) == {"iot-pipeline:owner": "a-b"}


@pytest.mark.parametrize(
    ("ttl", "idle", "recorded"),
    [
        ("10d", timedelta(hours=23), "before"),
        ("10d", timedelta(days=1), "2026-02-01T00:00:00Z"),
        (None, timedelta(days=1), "before"),
    ],
)
def test_time_is_renewed_once_a_tenth_of_it_is_over(ttl, idle, recorded):
    found = replace(stack(updated=CREATED), parameters={"RenewedAt": "before"})
    assert renewal(found, ttl, CREATED + idle) == recorded
    assert renewal(None, ttl, CREATED) == ""


@pytest.fixture
def recorded(project):
    project.write(small_template(outputs=OUTPUTS, parameters=RECORDED), pr={"TimeToLive": "3d"})
    return project


def outputs(aws):
    return {each["OutputKey"]: each["OutputValue"] for each in stack_of(aws)["Outputs"]}


def test_stack_tells_who_made_it_from_what_and_until_when(recorded, aws):
    recorded.deploy("pr1", "--commit", FIRST, "--pull-request", "7", GITHUB_ACTOR="me")
    found = tags(stack_of(aws))
    creator = aws("sts").get_caller_identity()["Arn"]
    assert {name: found[f"iot-pipeline:{name}"] for name in ("created-by", "owner")} == {
        "created-by": creator,
        "owner": "me",
    }
    assert found["iot-pipeline:pull-request"] == "7"
    assert found["iot-pipeline:time-to-live"] == "3d"
    assert outputs(aws)["Commit"] == FIRST
    assert outputs(aws)["RenewedAt"] == ""


def test_another_commit_or_renewal_changes_no_resource_and_renews_the_time(
    recorded, aws, monkeypatch
):
    recorded.deploy("pr1", "--commit", FIRST)
    before = tags(stack_of(aws))
    done = recorded.deploy("pr1", "--commit", FIRST, "--json")
    assert done.documents[0]["empty"]
    done = recorded.deploy("pr1", "--commit", SECOND, "--json")
    assert (done.status, done.documents[0]["changes"]) == (0, [])
    monkeypatch.setattr(lifetime, "RENEWAL_SHARE", 0)
    updated = stack_of(aws)["LastUpdatedTime"]
    assert recorded.deploy("pr1", "--commit", SECOND).status == 0
    assert outputs(aws)["RenewedAt"] > f"{updated:%Y-%m-%d}"
    assert stack_of(aws)["LastUpdatedTime"] > updated
    assert tags(stack_of(aws)) == before


def test_reviewed_plan_holds_for_another_commit_and_person(recorded):
    recorded.run("plan", "pr1", "--save", "plan.json", "--commit", FIRST, GITHUB_ACTOR="me")
    done = recorded.deploy("pr1", "--commit", SECOND, "--reviewed", "plan.json")
    assert done.status == 0, done.err


@pytest.mark.parametrize("option", ["--ttl=3", "--ttl=0d", "--pull-request=x", "--commit=HEAD"])
def test_wrong_option_is_a_usage_error(recorded, option):
    assert recorded.run("plan", "pr1", option).status == 2


def test_environment_without_an_end_is_not_renewed(recorded, aws):
    recorded.deploy("pr1", "--ttl", "none", GITHUB_REF="refs/pull/8/merge")
    found = tags(stack_of(aws))
    assert "iot-pipeline:time-to-live" not in found
    assert found["iot-pipeline:pull-request"] == "8"
    assert outputs(aws)["RenewedAt"] == ""
