"""The layout of reviews as Markdown, held by the files in golden/."""

import pytest

from checkout import REGION
from golden import compare_with_golden
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.reviewing import review
from report_scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_report_is_as_in_the_golden_file(name):
    reviews = review(*SCENARIOS[name], region=REGION)
    compare_with_golden(f"{name}.md", markdown(reviews) + "\n")
