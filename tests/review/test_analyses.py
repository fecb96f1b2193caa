"""Properties of every analysis of access: traffic, permissions, exposure."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import ROOT, resolve_all
from comparing import compared
from foreign import places
from iot_pipeline_cfn.review.exposure import find_exposure_changes
from iot_pipeline_cfn.review.grants import find_permission_changes
from iot_pipeline_cfn.review.report.wording import PLAIN, sentence
from iot_pipeline_cfn.review.traffic import find_traffic_changes

ANALYSES = (find_traffic_changes, find_permission_changes, find_exposure_changes)
OTHER = {"Bucket": {"Properties": {}, "Type": "AWS::Logs::LogStream"}}
TEMPLATE = json.loads((ROOT / "templates/iot-pipeline.json").read_text())
ENVIRONMENTS = {name: found["Resources"] for name, found in resolve_all(TEMPLATE).items()}
MOST = ENVIRONMENTS["most"]
FOREIGN = (
    {"Ref": "X"},
    {"Fn::If": ["X", 1, None]},
    {"Fn::Sub": 5},
    7,
    -1,
    None,
    [],
    {},
    "text",
    True,
)


def shuffled(value, chance):
    """Return the same with keys, and whatever is a list, in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: item if "Fn::" in key else shuffled(item, chance) for key, item in items}
    if isinstance(value, list):
        items = [shuffled(item, chance) for item in value]
        chance.shuffle(items)
        return items
    return value


def relevant(resource):
    """Return a resource without its tags, which no analysis reads."""
    properties = {key: body for key, body in resource["Properties"].items() if key != "Tags"}
    return {**resource, "Properties": properties}


RESOURCES = {name: relevant(resource) for name, resource in MOST.items()}
PLACES = list(places(RESOURCES))


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("analysis", ANALYSES)
def test_unrelated_change_is_no_finding(analysis, name):
    resources = ENVIRONMENTS[name]
    assert compared(analysis, resources, copy.deepcopy(resources)) == []
    assert compared(analysis, resources, resources | OTHER) == []


@pytest.mark.parametrize("analysis", ANALYSES)
def test_order_is_no_change(analysis):
    for seed in range(5):
        chance = random.Random(seed)  # noqa: S311 - Nothing to guess.
        assert compared(analysis, MOST, shuffled(MOST, chance) | OTHER) == []


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(FOREIGN)), max_size=8))
def test_every_value_anywhere_is_accepted(changes):
    """A reference, a number or nothing in any place raises nothing, and equals itself."""
    mutant = copy.deepcopy(RESOURCES)
    for path, value in changes:
        place = mutant
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        except (IndexError, KeyError, TypeError):
            # An earlier change has removed the place.
            continue
    for analysis in ANALYSES:
        for before, after in ((RESOURCES, mutant), (mutant, RESOURCES)):
            for finding in compared(analysis, before, after):
                assert sentence(finding, PLAIN)
                json.dumps(finding.as_data())
        assert compared(analysis, mutant, copy.deepcopy(mutant) | OTHER) == []


@pytest.mark.parametrize("analysis", ANALYSES)
def test_findings_do_not_depend_on_the_order_of_resources(analysis):
    chance = random.Random(0)  # noqa: S311 - Nothing to guess.
    before, after = ENVIRONMENTS["least"], MOST
    found = compared(analysis, before, after)
    again = compared(analysis, shuffled(before, chance), shuffled(after, chance))
    assert found
    assert sorted(map(repr, found)) == sorted(map(repr, again))
