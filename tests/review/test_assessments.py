"""Types that no assessment knows."""

import pytest

from comparing import compared
from iot_pipeline_cfn.review.assessments import PLAIN, assessments_of, find_unassessed_types
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.schemas import schema_of


def job(**properties):
    return {"Type": "AWS::Glue::Job", "Properties": {"Role": "any", **properties}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Job": job()}, {"Job": job(MaxRetries=1)}),
        ({"Job": job()}, {}),
        ({}, {"Job": job()}),
    ],
)
def test_touched_type_without_an_entry_is_not_assessed(before, after):
    (finding,) = compared(find_unassessed_types, before, after)
    assert (finding.code, finding.severity) == ("not-assessed", Severity.WARNING)
    assert finding.subject == "AWS::Glue::Job"
    assert finding.details == {"resources": ["Job"]}


def test_tags_need_no_assessment():
    assert compared(find_unassessed_types, {"Job": job()}, {"Job": job(Tags={"a": "b"})}) == []


def test_types_of_the_template_are_assessed_or_plain(template):
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert {each for each in types - PLAIN if not assessments_of(each)} == set()


def test_plain_types_exist():
    assert {each for each in PLAIN if schema_of(each) is None} == set()
