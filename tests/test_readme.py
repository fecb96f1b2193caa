"""The README and the docs claim only what is so."""

import json
import re
import types

import pytest
from troposphere import Template

from conftest import ROOT, make
from iot_pipeline_cfn.environment import add_environment
from iot_pipeline_cfn.rendering import render

README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_worked_example_works():
    """The module of the README, in the package and on an empty template."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    module = types.ModuleType("iot_pipeline_cfn.dead_letters")
    module.__package__ = "iot_pipeline_cfn"
    exec(compile(source, "README.md", "exec"), vars(module))  # noqa: S102 - our own README
    template = Template()
    module.add_dead_letters(template, environment=add_environment(template))
    body = render(template).body
    assert body["Resources"]["DeadLetterQueue"]["Type"] == "AWS::SQS::Queue"
    assert body["Outputs"]["DeadLetterQueueUrl"]["Value"] == {"Ref": "DeadLetterQueue"}


def test_template_is_as_large_as_the_readme_says(template):
    """Too large for a call, and a fifth of it tags."""
    size = len(json.dumps(template, separators=(",", ":")))
    resources = template["Resources"].values()
    tags = [resource["Properties"].get("Tags", []) for resource in resources]
    assert size > 51_200
    assert len(json.dumps(tags, separators=(",", ":"))) / size == pytest.approx(1 / 5, abs=0.03)


def test_every_module_is_in_the_layout():
    """And every module of the layout is there."""
    layout = README.partition("## Layout")[2]
    named = set(re.findall(r"\b(\w+\.py)\b", layout))
    there = {path.name for path in (ROOT / "src/iot_pipeline_cfn").glob("*.py")}
    assert named == (there - {"__init__.py"}) | {"generate.py"}


def test_every_target_that_is_named_is_there():
    """In the README, the docs, and the help of make."""
    listed = make("help").stdout
    targets = {line.split()[0] for line in listed.splitlines()}
    named = {name for path in DOCS for name in re.findall(r"`make ([a-z]+)", path.read_text())}
    assert named <= targets
    assert {"template", "test", "lint", "check"} <= targets


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    """Within the repository."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_parameter_and_module_that_is_named_is_there(path, template):
    """A name in code font that looks like one of the template's is one."""
    text = path.read_text()
    known = {*template["Parameters"], *template["Resources"], *template["Outputs"]}
    known |= {
        "DeletionPolicy",
        "ProtocolVersion",
        "StackPolicy",
        "Template",
        "Uri",
        "RotationFailed",
    }
    known |= {"Parameters", "Tags"}
    for name in re.findall(r"`([A-Z][A-Za-z]+)`", text):
        assert name in known, name
