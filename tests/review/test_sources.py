"""The sides of a review: any file is reviewed, or refused in one line."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout import REGION
from foreign import LOOP, UNKNOWN, places
from iot_pipeline_cfn.review.report.json_data import as_data
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.report.terminal import lines
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.sources import template_of
from iot_pipeline_cfn.template.files import UnreadableFileError

ODD = st.sampled_from(
    [
        *(None, True, 0, 1.5, "", "a", "{", [], [None], ["a", {}], {}, {"a": None}, {"Ref": 1}),
        *({"Ref": "Thing"}, {"Fn::If": []}, {"Fn::Select": [-1, "a"]}, {"Fn::Transform": 1}),
        *({"Fn::Join": [",", {}]}, {"Fn::GetAtt": []}, {"Fn::FindInMap": ["a", {}, 1]}),
        *({"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}, {"Fn::Sub": ["${A}", {"A": [1]}]}),
    ]
)


@st.composite
def damaged(draw, template):
    """Return a template in which some values are odd ones."""
    changed = copy.deepcopy(template)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([*places(changed)]))
        inside = changed
        for key in path:
            inside = inside[key]
        inside[last] = copy.deepcopy(draw(ODD))
    return changed


def reviewed(path, before, after):
    """Review two files, and render what is found."""
    sides = []
    for template in (before, after):
        path.write_text(json.dumps(template))
        sides.append(Side({"any": template_of(path)}))
    found = review(*sides, region=REGION)
    assert json.dumps(as_data(found))
    assert markdown(found)
    assert [*lines(found)]


@pytest.mark.parametrize("template", [UNKNOWN, LOOP], ids=["unknown", "loop"])
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_template_is_reviewed_or_refused(tmp_path, template, data):
    odd = data.draw(damaged(template))
    for pair in ((template, odd), (odd, template)):
        try:
            reviewed(tmp_path / "any.json", *pair)
        except UnreadableFileError as error:
            assert "\n" not in str(error)  # noqa: PT017 - Either outcome is right.
