"""The register of assumptions: every entry names what exists, and what decides it."""

import json
import subprocess
from pathlib import PurePath

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.rehearsal_wording import CHECK_WORDINGS
from iot_pipeline_cfn.deploy.preflight.check_registry import CHECKS
from iot_pipeline_cfn.rehearsal.assumptions import load_register
from iot_pipeline_cfn.rehearsal.scenario import STEPS

ASSUMPTIONS = [each for topic in load_register().topics for each in topic.assumptions]


@pytest.fixture(scope="module")
def places():
    """Return the names and paths of files and directories, and the codes of preflight checks."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True)
    paths = list(map(PurePath, listed.stdout.decode().splitlines()))
    files = {path.name for path in paths} | {str(path) for path in paths}
    return files | {str(path.parent) for path in paths} | CHECKS.keys()


@pytest.fixture(scope="module")
def logical_ids():
    return {
        name
        for path in (ROOT / "templates").glob("*.json")
        for name in json.loads(path.read_text())["Resources"]
    }


def test_identifiers_are_unique():
    assert len({each.id for each in ASSUMPTIONS}) == len(ASSUMPTIONS)


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda each: each.id)
def test_entry_names_what_exists_and_what_decides_it(assumption, places, logical_ids):
    assert assumption.where
    assert {name.partition("#")[0] for name in assumption.where} <= places
    assert set(assumption.resources) <= logical_ids
    if assumption.observe:
        assert not assumption.step + assumption.check
    else:
        assert assumption.step in STEPS
        assert assumption.check in CHECK_WORDINGS
