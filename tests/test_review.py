"""What a review says of a change, as AWS's documentation has it."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import PARAMETER_FILES, REGION
from iot_pipeline_cfn.parameters import load
from iot_pipeline_cfn.review.behaviour import Behaviour
from iot_pipeline_cfn.review.remarks import Severity
from iot_pipeline_cfn.review.resources import Action
from iot_pipeline_cfn.review.reviewing import Side, review
from iot_pipeline_cfn.review.verdict import REFUSED, word
from review_cases import CASES

FILES = {path.stem: load(path) for path in PARAMETER_FILES}


def reviewed(before, after, kind="prod", region=REGION):
    """Return the review of a template that becomes another one, for one kind of environment."""
    files = {kind: FILES[kind]} if kind else {}
    (found,) = review(Side({"any": before}, files), Side({"any": after}, files), region=region)
    return found


def said(found):
    """Return in words what a review says of updates: of resources, data, and what is refused."""
    return {line for group in found.groups if not group.only_new for line in lines(group.verdict)}


def lines(verdict):
    for change in verdict.changes:
        own = [part for part in change.properties if not part.because_of]
        what = word(change).replace("perhaps replaced", "may be replaced")
        if change.behaviour is Behaviour.INTERRUPTION:
            yield f"{change.logical_id} may be interrupted"
        elif own or what != "changed" or change.action is not Action.MODIFY:
            yield f"{change.logical_id} {what}"
    for remark in verdict.remarks(Severity.DATA_LOSS):
        yield f"{remark.subject} loses data"
    for section in verdict.sections:
        for remark in section.remarks:
            if section.heading == REFUSED:
                yield f"{remark.subject} refused"
            if "is renamed to" in remark.message:
                yield f"{remark.subject} {remark.message.partition(',')[0].removeprefix('is ')}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_change_does_what_aws_documents(template, case):
    """Nothing more, and nothing less."""
    found = reviewed(template, case.applied(template), case.kind)
    expected = {line.strip() for line in case.expected.split(",")} - {""}
    assert said(found) == {" ".join(line.split()) for line in expected}
