"""The commit and the day of the last deployment."""

import json

import pytest

from iot_pipeline_cfn.template.parameters import RECORDED_PARAMETERS


@pytest.mark.parametrize("section", ["Resources", "Rules"])
def test_only_outputs_use_what_is_recorded(template, section):
    """A change of it changes no resource."""
    text = json.dumps(template.get(section, {}))
    assert not [name for name in RECORDED_PARAMETERS if f'"{name}"' in text]


def test_what_is_recorded_is_an_output(template):
    outputs = {name: template["Outputs"][name]["Value"] for name in RECORDED_PARAMETERS}
    assert outputs == {name: {"Ref": name} for name in RECORDED_PARAMETERS}
