"""A sign of life again and again."""

from iot_pipeline_cfn.cli import signs_of_life
from processing import wait_for


def test_passed_time_is_said_again_and_again(monkeypatch):
    monkeypatch.setattr(signs_of_life, "SECONDS", 0.01)
    said = []
    with signs_of_life.signs_of_life(said.append):
        wait_for(lambda: len(said) > 2)
    assert said == sorted(said)
