"""The check of the templates by cloudformation-validate, which `make lint` runs."""

import json
import sys
from shutil import copytree

import pytest

from checkout import ROOT, run


def contradict_a_condition(checkout):
    path = checkout / "templates/iot-pipeline.json"
    template = json.loads(path.read_text())
    inner = {"Fn::If": ["HasCertificate", "", "never"]}
    template["Resources"]["ApiStage"]["Properties"]["Description"] = {
        "Fn::If": ["HasCertificate", inner, ""]
    }
    path.write_text(json.dumps(template))


def choose_a_class_that_does_not_exist(checkout):
    path = checkout / "parameters/prod.json"
    content = json.loads(path.read_text())
    content["Parameters"]["DatabaseInstanceClass"] = "db.m7g.tiny"
    path.write_text(json.dumps(content))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breakage", "finding"),
    [
        (contradict_a_condition, "iot-pipeline: ApiStage: W1028"),
        (choose_a_class_that_does_not_exist, "iot-pipeline, prod in us-east-1: Database: "),
    ],
)
def test_broken_template_is_found(tmp_path, breakage, finding):
    for name in ("parameters", "templates"):
        copytree(ROOT / name, tmp_path / name)
    breakage(tmp_path)
    found = run(sys.executable, ROOT / "lint_templates.py", cwd=tmp_path)
    assert found.returncode == 1
    assert finding in found.stdout
    assert not found.stderr
