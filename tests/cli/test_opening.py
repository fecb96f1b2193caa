"""Opening environments from the options of a command."""

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.opening import open_named
from iot_pipeline_cfn.cli.options import Patience, Place
from iot_pipeline_cfn.deploy.errors import DeploymentError

TEMPLATE = ROOT / "templates/iot-pipeline.json"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.mark.parametrize(("name", "is_said"), [("pr-1", False), ("PR_1", True)])
def test_suffix_is_said_if_it_is_not_the_name(capsys, name, is_said):
    patience = Patience(timeout=5, wait=False, on_interrupt="leave")
    place = Place(region="eu-west-1")
    operations, console = open_named(name, TEMPLATE, place, patience, as_json=False)
    assert operations.environment.suffix == "pr-1"
    assert (operations.timeout, operations.wait, operations.on_interrupt) == (5, False, "leave")
    assert (operations.connection.region, operations.observer) == ("eu-west-1", console)
    assert ("pr-1" in capsys.readouterr().err) is is_said


def test_name_that_the_template_rejects_is_refused():
    with pytest.raises(DeploymentError) as refusal:
        open_named("1" * 40, TEMPLATE, Place(), as_json=False)
    assert refusal.value.code == "invalid-name"
