"""What holds for all that compares what a change exposes: traffic, permissions, surface."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout import ROOT, resolve_all
from iot_pipeline_cfn.review import grants, surface, traffic

COMPARISONS = (traffic.compare, grants.compare, surface.compare)
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


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def relevant(resource):
    """Leave out tags, of which there are many, and which nobody reads here."""
    properties = {key: body for key, body in resource["Properties"].items() if key != "Tags"}
    return {**resource, "Properties": properties}


RESOURCES = {name: relevant(resource) for name, resource in MOST.items()}
PLACES = [place for place in places(RESOURCES) if place]


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__module__)
def test_no_change_is_no_remark(compare, name):
    """Also where something else has changed."""
    resources = ENVIRONMENTS[name]
    assert compare(resources, copy.deepcopy(resources)) == []
    other = {"Bucket": {"Properties": {}, "Type": "AWS::Logs::LogStream"}}
    assert compare(resources, resources | other) == []


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__module__)
def test_order_is_no_change(compare):
    other = {"Bucket": {"Properties": {}, "Type": "AWS::Logs::LogStream"}}
    for seed in range(5):
        chance = random.Random(seed)  # noqa: S311 - Nothing to guess.
        assert compare(MOST, shuffled(MOST, chance) | other) == []


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(FOREIGN)), max_size=8))
def test_no_foreign_value_is_too_much(changes):
    """A reference, a number or nothing in the place of anything; and it differs not from itself."""
    mutant = copy.deepcopy(RESOURCES)
    for path, value in changes:
        place = mutant
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        except (IndexError, KeyError, TypeError):
            # What an earlier change has taken away.
            continue
    other = {"Bucket": {"Properties": {}, "Type": "AWS::Logs::LogStream"}}
    for compare in COMPARISONS:
        for before, after in ((RESOURCES, mutant), (mutant, RESOURCES)):
            assert all(remark.message for remark in compare(before, after))
        assert compare(mutant, copy.deepcopy(mutant) | other) == []


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__module__)
def test_remarks_are_lines_in_the_same_order_every_time(compare):
    """Whatever the order of the resources."""
    chance = random.Random(0)  # noqa: S311 - Nothing to guess.
    before, after = ENVIRONMENTS["least"], MOST
    found = compare(before, after)
    again = compare(shuffled(before, chance), shuffled(after, chance))
    assert found
    assert sorted(map(repr, found)) == sorted(map(repr, again))
    for remark in found:
        assert "\n" not in remark.message
        assert not remark.message.endswith(".")
