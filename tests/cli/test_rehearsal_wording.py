"""The checks of a rehearsal have sentences for all their codes and details."""

import ast
from string import Formatter

import pytest

from checkout import ROOT
from iot_pipeline_cfn.cli.rehearsal_wording import CHECK_WORDINGS, FAILURE_WORDINGS, STEP_WORDINGS
from iot_pipeline_cfn.rehearsal.scenario import STEPS

POSITIONS = {"CheckFailed": 0, "StepSkipped": 0, "passed": 0, "require": 1}
"""The functions that take the code of a check, each with the position of the code."""


def reported():
    """Return the codes in the source, each with the names of its details."""
    for path in sorted((ROOT / "src/iot_pipeline_cfn/rehearsal").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                position = POSITIONS.get(node.func.id)
                code = node.args[position : position + 1] if position is not None else []
                names = {keyword.arg for keyword in node.keywords}
                # `**details` and computed codes are checked by the tests of the scenario.
                if code and isinstance(code[0], ast.Constant) and None not in names:
                    yield code[0].value, names


@pytest.mark.parametrize(("code", "details"), sorted(reported(), key=str))
def test_sentence_needs_no_other_details(code, details):
    wording = (CHECK_WORDINGS | FAILURE_WORDINGS)[code]
    fields = {name for _, name, _, _ in Formatter().parse(wording) if name}
    assert fields <= details


def test_every_step_has_a_name():
    assert STEP_WORDINGS.keys() == STEPS.keys()
