"""The README and the docs claim only what is so."""

import json
import re

import pytest

from checkout import ROOT, make
from iot_pipeline_cfn.emulator.control import RECORDED
from iot_pipeline_cfn.exit_codes import ExitCode

README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

OTHERS = {
    # What CloudFormation, AWS and troposphere call so, and an alarm by its own name.
    "Bucket",
    "CI",
    "CODE",
    "DeletionPolicy",
    "DependsOn",
    "DescribeEvents",
    "Host",
    "ModifyDBInstance",
    "NoEcho",
    "Parameters",
    "ProtocolVersion",
    "Ref",
    "RotateMasterUserPassword",
    "RDSOSMetrics",
    "RotationFailed",
    "StackPolicy",
    "Tags",
    "Template",
    "UpdateReplacePolicy",
    "Uri",
}


def examples(heading):
    """Return the Python of a section."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def test_template_is_as_large_as_the_readme_says(template):
    """Too large for a call, and a fifth of it tags."""
    size = len(json.dumps(template, separators=(",", ":")))
    resources = template["Resources"].values()
    tags = [resource["Properties"].get("Tags", []) for resource in resources]
    assert size == pytest.approx(92_000, rel=0.03)
    assert len(json.dumps(tags, separators=(",", ":"))) / size == pytest.approx(1 / 5, abs=0.03)


def test_every_target_that_is_named_is_there():
    """In the README, the docs, and the help of make."""
    listed = make("help").stdout
    targets = {line.split()[0] for line in listed.splitlines()}
    named = {name for path in DOCS for name in re.findall(r"`make ([a-z-]+)", path.read_text())}
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
    known = {*template["Parameters"], *template["Resources"], *template["Outputs"], *OTHERS}
    for name in re.findall(r"`([A-Z][A-Za-z]+)`", text):
        assert name in known, name


def test_every_exit_code_is_documented():
    """And none that does not exist."""
    text = (ROOT / "docs/deploying.md").read_text()
    table = text.partition("## Exit codes")[2].partition("\n## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == set(ExitCode)


def test_every_type_that_is_only_recorded_is_documented():
    """As `make emulator-status` prints it."""
    text = (ROOT / "docs/emulator.md").read_text()
    assert set(re.findall(r"^\| `(AWS::\S+)`", text, re.MULTILINE)) == RECORDED.keys()
