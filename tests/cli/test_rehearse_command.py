"""Rehearsing on the command line."""

import json
import os
import sys

import pytest

from checkout import run
from deploying import PROGRAM
from documents import documents

pytestmark = pytest.mark.slow


def test_failed_step_ends_the_command(tmp_path, template):
    broken = json.loads(json.dumps(template))
    broken["Resources"]["Service"]["Properties"]["DesiredCount"] = 1
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    done = run(PROGRAM, "rehearse", "--json", "--template", str(path))
    assert done.returncode == 9
    (document,) = documents(done.stdout)
    (step,) = document["steps"]
    assert (step["name"], step["skipped"]) == ("create", None)
    assert step["failure"]["code"] == "wrong-number-of-tasks"
    assert "1 tasks instead of 0" in done.stderr.splitlines()[-1]


def test_missing_module_is_named_with_the_extra_that_has_it():
    program = (
        "import sys; sys.modules['psycopg'] = None; from iot_pipeline_cfn.cli import main; main()"
    )
    done = run(sys.executable, "-c", program, "rehearse")
    assert done.returncode == 1
    assert "pip install 'iot-pipeline-cfn[rehearsal]'" in done.stderr


def test_unknown_environment_type_is_refused_before_anything_starts(tmp_path):
    done = run(PROGRAM, "rehearse", "nope-1", env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout == ""
    assert "nope-1" in done.stderr
