"""The README and the docs claim only what is so."""

import json
import re
import shutil
import sys

import pytest

from conftest import ROOT, make, run
from iot_pipeline_cfn.deploy.errors import ExitCode
from iot_pipeline_cfn.emulator.control import RECORDED

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


def test_worked_example_works(tmp_path):
    """In a copy of the package: rendered, and with nothing for the linter to say."""
    module, composition = examples("Add a resource")
    import_line, call = composition.strip("\n").split("\n\n")
    package = tmp_path / "src/iot_pipeline_cfn"
    shutil.copytree(ROOT / "src/iot_pipeline_cfn", package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (package / "dead_letters.py").write_text(module)
    stacks = (package / "stacks.py").read_text()
    stacks = stacks.replace("from .encryption", f"{import_line}\nfrom .encryption", 1)
    stacks = stacks.replace("\n    return template", f"\n{call}\n    return template", 1)
    (package / "stacks.py").write_text(stacks)

    def python(*arguments):
        return run(sys.executable, *arguments, cwd=tmp_path, env={"PYTHONPATH": "src"})

    code = "from iot_pipeline_cfn.rendering import render_all as r; print(r()['iot-pipeline'].text)"
    rendered = json.loads(python("-c", code).stdout)
    assert rendered["Resources"]["DeadLetterQueue"]["Type"] == "AWS::SQS::Queue"
    assert rendered["Outputs"]["DeadLetterQueueUrl"]["Value"] == {"Ref": "DeadLetterQueue"}
    for check in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = python("-m", *check, "--no-cache", "src")
        assert done.returncode == 0, done.stdout


def test_check_of_the_example_is_found_and_passes_its_test(tmp_path):
    """In a copy of all of it, where nothing but its row in the documentation is missing."""
    module, test = examples("Add a check")
    for name in ("docs", "parameters", "src", "templates", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    added = tmp_path / "src/iot_pipeline_cfn/deploy/preflight/security_groups.py"
    added.write_text(module)
    tested = tmp_path / "tests/test_preflight_security_groups.py"
    tested.write_text(test)

    def python(*arguments):
        return run(sys.executable, "-m", *arguments, cwd=tmp_path, env={"PYTHONPATH": "src"})

    for check in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = python(*check, "--no-cache", str(added), str(tested))
        assert done.returncode == 0, done.stdout
    codes = "tests/test_preflight.py::test_every_code_is_documented"
    done = python("pytest", "-p", "no:cacheprovider", str(tested), codes)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "security-groups" in done.stdout


def test_template_is_as_large_as_the_readme_says(template):
    """Too large for a call, and a fifth of it tags."""
    size = len(json.dumps(template, separators=(",", ":")))
    resources = template["Resources"].values()
    tags = [resource["Properties"].get("Tags", []) for resource in resources]
    assert size == pytest.approx(92_000, rel=0.03)
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
