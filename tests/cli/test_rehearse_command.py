"""Rehearsing on the command line."""

import json
import sys

import pytest

from deploying import pipeline

pytestmark = pytest.mark.slow


def test_failed_step_ends_the_command(tmp_path, template):
    broken = json.loads(json.dumps(template))
    broken["Resources"]["Service"]["Properties"]["DesiredCount"] = 1
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    done = pipeline("rehearse", "dev1", "--json", "--template", str(path))
    assert done.status == 9
    step = done.document["steps"][-1]
    assert (step["name"], step["skipped"]) == ("create", None)
    assert step["failure"]["code"] == "wrong-number-of-tasks"


def test_missing_module_is_named_with_the_extra_that_has_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("iot_pipeline_cfn.rehearsal")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    done = pipeline("rehearse")
    assert (done.status, "make rehearse" in done.err) == (1, True)


def test_unknown_environment_type_is_refused():
    done = pipeline("rehearse", "nope-1")
    assert (done.status, done.code, done.out) == (1, "unknown-environment-type", "")
