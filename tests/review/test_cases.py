"""Reviews of pairs of small templates, each with all that the review says of it.

A pair is a directory of `cases/`. The first line of `expected.txt` tells what AWS does, and the
others are the outcomes of resources, the severity, code and subject of each finding, and the
statements of the headline. After a change of rules, write them with UPDATE_GOLDEN=1 and read the
difference.
"""

import json
import os
from pathlib import Path

import pytest

from checkout import REGION
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.statements import find_statements

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/expected.txt"))


def facts(case):
    """Return the lines about a pair."""
    sides = (json.loads((case / f"{name}.json").read_text()) for name in ("old", "new"))
    before, after = (Side({"template": template}) for template in sides)
    (found,) = review(before, after, region=REGION)
    for effect, scopes in found.effects():
        yield f"{effect.change.logical_id} {effect.outcome}{' later' * bool(scopes)}"
    for group in found.groups:
        for _, finding in group.verdict.findings:
            later = " later" * group.scopes[0].only_new
            yield f"{finding.severity} {finding.code} {finding.subject}{later}"
    for _, finding in found.general.findings:
        yield f"{finding.severity} {finding.code} {finding.subject}"
    for statement in find_statements(found):
        yield " ".join(("headline", statement.code, *statement.subjects))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_review_says_what_aws_does(case):
    path = case / "expected.txt"
    words, *expected = path.read_text().splitlines()
    found = sorted(facts(case))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("\n".join([words, *found, ""]))
        expected = found
    assert found == expected
