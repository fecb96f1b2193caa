"""What waits for what when an environment is created, and the picture of it."""

import re
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ENVIRONMENTS, run
from iot_pipeline_cfn.review.creation import (
    creation,
    dependencies,
    durations,
    essential,
    is_observed,
    seconds,
)
from iot_pipeline_cfn.review.graph import COLOURS, DrawingError, dot, drawn
from iot_pipeline_cfn.review.lookup import components
from resolution import resolve

SVG = "{http://www.w3.org/2000/svg}"


def graph(*arguments):
    return run(Path(sys.executable).with_name("iot-pipeline"), "graph", *arguments)


@st.composite
def graphs(draw):
    """Return up to seven resources, each of which may wait for those before it."""
    names = "abcdefg"[: draw(st.integers(0, 7))]
    waits = {
        name: set(draw(st.lists(st.sampled_from(names[:place])))) if place else set()
        for place, name in enumerate(names)
    }
    shuffled = draw(st.permutations(list(names)))
    took = {name: draw(st.integers(1, 9)) for name in names}
    return {name: waits[name] for name in shuffled}, took


def chains(waits, name):
    """Yield every chain that ends with a resource."""
    yield [name]
    for other in waits[name]:
        for chain in chains(waits, other):
            yield [*chain, name]


@given(graphs())
def test_critical_path_is_the_longest_of_all_chains(example):
    """And everything is complete when the longest chain to it is."""
    waits, took = example
    made = creation(waits, took)
    lengths = {
        name: max(sum(map(took.get, chain)) for chain in chains(waits, name)) for name in waits
    }
    assert made.completed == lengths
    assert made.seconds() == max(lengths.values(), default=0)
    assert sum(map(took.get, made.critical_path)) == made.seconds()
    assert all(first in waits[second] for first, second in pairwise(made.critical_path))


@given(graphs())
def test_only_what_follows_from_others_is_left_out(example):
    """The same resources come before each, and nothing less would say so."""
    waits, took = example
    left = essential(waits)

    def before(found, name):
        return {other for chain in chains(found, name) for other in chain}

    for name, others in left.items():
        assert others <= waits[name]
        assert before(left, name) == before(waits, name)
        for other in others:
            fewer = {**left, name: others - {other}}
            assert before(fewer, name) != before(waits, name)
    path = creation(waits, took).critical_path
    assert all(first in left[second] for first, second in pairwise(path))


def test_creation_waits_for_references_and_for_what_is_named():
    """Not for parameters, nor for what a condition has left out."""
    resources = {
        "A": {"Type": "T"},
        "B": {"Type": "T", "Properties": {"A": {"Ref": "A"}, "P": {"Ref": "AWS::Region"}}},
        "C": {"Type": "T", "DependsOn": ["B", "Absent"]},
    }
    assert dependencies(resources) == {"A": set(), "B": {"A"}, "C": {"B"}}


def test_every_duration_is_that_of_a_type_of_the_template(template):
    """And longer than what is taken for all others."""
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert durations()["types"].keys() <= kinds
    assert all(seconds(kind) > seconds("AWS::EC2::VPC") for kind in kinds if is_observed(kind))


def test_what_has_no_tags_belongs_where_what_it_refers_to_does(template):
    """Every part has its colour."""
    resources = resolve(template, ENVIRONMENTS["most"])["Resources"]
    parts = components(resources, dependencies(resources))
    assert parts["Vpc"] == parts["PublicDefaultRoute"] == "network"
    assert parts["VpcLink"] == parts["IngestMethod"] == "api"
    assert parts["ContainerEgressToCache"] == "security"
    assert set(parts.values()) == COLOURS.keys()
    alone = {"A": {"Type": "T"}}
    assert components(alone, dependencies(alone)) == {"A": "others"}


def test_black_stands_out_on_every_colour():
    """With more than the 7 to 1 that WCAG asks for at its strictest."""
    for colour in COLOURS.values():
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [((part + 0.055) / 1.055) ** 2.4 for part in parts]
        luminance = sum(map(float.__mul__, linear, (0.2126, 0.7152, 0.0722)))
        assert (luminance + 0.05) / 0.05 > 15


def test_picture_has_every_resource_and_marks_the_critical_path(tmp_path):
    """Of the kind that the parameter file is for; the same each time."""
    path = tmp_path / "pr.svg"
    done = graph("--parameters", "parameters/pr.json", "--output", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    picture = path.read_text()
    nodes = {
        title.text: node
        for node in ET.fromstring(picture).iter(f"{SVG}g")  # noqa: S314 It is ours.
        if node.get("class") == "node" and (title := node.find(f"{SVG}title")) is not None
    }
    assert "Database" in nodes
    assert "NatGateway1" not in nodes
    assert "Environment of kind pr: " in picture
    for name, node in nodes.items():
        assert "".join(node.itertext()).strip().startswith(name)
    red = {name for name, node in nodes.items() if "#b91c1c" in ET.tostring(node).decode()}
    assert {"Vpc", "Database", "Service"} <= red
    assert "LoadBalancer" not in red
    printed = graph("--parameters", "parameters/pr.json")
    assert printed.stdout.rstrip() == picture.rstrip()


def test_picture_names_every_resource_of_the_largest_environment(template):
    """Before it is drawn: Graphviz leaves none out."""
    resources = resolve(template, ENVIRONMENTS["most"])["Resources"]
    source = dot(resources, "most")
    assert set(re.findall(r'^"(\w+)" \[label', source, re.MULTILINE)) == resources.keys()


def test_resources_that_wait_for_each_other_are_named():
    """As CloudFormation refuses them."""
    circle = {"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "DependsOn": "A"}}
    with pytest.raises(DrawingError, match=r"wait for each other: (A, B, A|B, A, B)"):
        drawn(circle, "circle")


def test_without_graphviz_it_is_said_how_to_get_it():
    """In one line."""
    code = (
        "import importlib.util as u; u.find_spec = lambda name: None; import sys;"
        "sys.argv = ['iot-pipeline', 'graph']; from iot_pipeline_cfn.cli import main; main()"
    )
    done = run(sys.executable, "-c", code)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("iot-pipeline: a picture takes Graphviz: pip install")
