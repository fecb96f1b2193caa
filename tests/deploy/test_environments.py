"""Environment names, suffixes and parameter files."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checkout import ROOT
from iot_pipeline_cfn.deploy.environments import Environment, environment_named, parameter_file
from iot_pipeline_cfn.deploy.errors import DeploymentError

TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("pr123", "pr123"),
        ("PR-123", "pr-123"),
        ("pr_123", "pr-123"),
        ("feature/sensor-batch", "feature-sensor-batch"),
        ("Feature/Sensor__Batch.v2", "feature-sensor-batch-v2"),
        ("PR 123", "pr-123"),
        ("staging/", "staging"),
        ("a" * 32, "a" * 32),
        ("a" * 33, "a" * 23 + "-852785c8"),
        ("feature/sensor-batch-with-backpressure", "feature-sensor-batch-wi-382a0ad2"),
        ("feature/sensor-batch/with-all-retries", "feature-sensor-batch-wi-2deb4499"),
    ],
)
def test_name_maps_to_a_suffix(name, suffix):
    environment = environment_named(name, TEMPLATE)
    assert environment == Environment(name, suffix)
    assert environment.stack_name == f"iot-pipeline-{suffix}"


@pytest.mark.parametrize(
    "name",
    ["", "123", "-pr", "prüfung", "pr;rm", "pr\n1", "pr$(id)", "1" * 40, "x" * 257],
)
def test_name_without_a_valid_suffix_is_refused(name):
    with pytest.raises(DeploymentError) as refusal:
        environment_named(name, TEMPLATE)
    assert (refusal.value.code, refusal.value.details) == ("invalid-name", {"name": name})


@given(st.text(max_size=40))
@example("IOT_PIPELINE_IOT_PIPELINE_A")
def test_suffix_maps_to_itself(name):
    with suppress(DeploymentError):
        environment = environment_named(name, TEMPLATE)
        again = environment_named(environment.suffix, TEMPLATE)
        assert again.suffix == environment.suffix


def test_stack_name_is_that_of_its_environment():
    assert environment_named("iot-pipeline-pr-123", TEMPLATE) == Environment("pr-123", "pr-123")


@given(st.from_regex(r"[a-z][a-z0-9._/ -]{30,254}[a-z0-9]", fullmatch=True))
def test_long_name_maps_to_a_valid_suffix_of_its_own(name):
    environment = environment_named(name, TEMPLATE)
    assert len(environment.suffix) <= 32
    assert environment_named(f"{name}x", TEMPLATE).suffix != environment.suffix


def test_own_parameter_file_precedes_that_of_the_environment_type(tmp_path):
    for name in ("pr", "pr123", "prod"):
        (tmp_path / f"{name}.json").write_text("{}")

    def found(suffix):
        return parameter_file(Environment(suffix, suffix), tmp_path).name

    assert found("pr123") == "pr123.json"
    assert found("pr124") == found("pr-124") == found("pr") == "pr.json"
    assert found("prod") == found("prod-eu") == found("prod2") == "prod.json"


@pytest.mark.parametrize("suffix", ["prodd", "production", "p", "stagingg1"])
def test_unknown_environment_type_is_refused(suffix):
    with pytest.raises(DeploymentError) as refusal:
        parameter_file(Environment(suffix, suffix), ROOT / "parameters")
    assert refusal.value.code == "unknown-environment-type"


@pytest.mark.parametrize("suffix", ["dev", "feature-sensor-batch", "pr-123", "prod", "staging"])
def test_every_environment_type_has_a_file(suffix):
    assert parameter_file(Environment(suffix, suffix), ROOT / "parameters").is_file()
