"""From an environment's name to its suffix and its file."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
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
    ],
)
def test_names_are_mapped_as_people_write_them(name, suffix):
    """To a suffix that the template allows, and a stack that is called by it."""
    environment = environment_named(name, TEMPLATE)
    assert environment == Environment(name, suffix)
    assert environment.stack_name == f"iot-pipeline-{suffix}"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "begins with a letter"),
        ("123", "lowercase letters"),
        ("-pr", "begins with a letter"),
        ("prüfung", "letters, digits"),
        ("pr;rm", "letters, digits"),
        ("pr\n1", "letters, digits"),
        ("pr$(id)", "letters, digits"),
        ("feature/" + "x" * 40, "32"),
    ],
)
def test_names_that_would_need_a_guess_are_refused(name, rule):
    """With the rule that they break."""
    with pytest.raises(DeploymentError, match="cannot name an environment") as refusal:
        environment_named(name, TEMPLATE)
    assert rule in str(refusal.value)


@given(st.text(max_size=40))
def test_any_name_is_mapped_or_refused(name):
    """And what it is mapped to is mapped to itself."""
    with suppress(DeploymentError):
        environment = environment_named(name, TEMPLATE)
        again = environment_named(environment.suffix, TEMPLATE)
        assert again.suffix == environment.suffix


def test_file_of_its_own_goes_before_that_of_its_kind(tmp_path):
    """The kind is the letters that a suffix begins with."""
    for name in ("pr", "pr123", "prod"):
        (tmp_path / f"{name}.json").write_text("{}")

    def found(suffix):
        return parameter_file(Environment(suffix, suffix), tmp_path).name

    assert found("pr123") == "pr123.json"
    assert found("pr124") == found("pr-124") == found("pr") == "pr.json"
    assert found("prod") == found("prod-eu") == found("prod2") == "prod.json"


@pytest.mark.parametrize("suffix", ["prodd", "production", "p", "stagingg1"])
def test_slip_of_the_pen_creates_nothing(suffix):
    """The refusal says which names there are."""
    with pytest.raises(DeploymentError, match="dev, feature, pr, prod, staging"):
        parameter_file(Environment(suffix, suffix), ROOT / "parameters")


@pytest.mark.parametrize("suffix", ["dev", "feature-sensor-batch", "pr-123", "prod", "staging"])
def test_every_kind_has_its_file(suffix):
    """Also a branch."""
    assert parameter_file(Environment(suffix, suffix), ROOT / "parameters").is_file()
