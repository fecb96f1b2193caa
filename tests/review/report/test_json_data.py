"""Reviews as JSON."""

import json

import pytest

from checkout import REGION
from documents import documents
from golden import compare_with_golden
from iot_pipeline_cfn.cli.console import json_document
from iot_pipeline_cfn.review.report.json_data import as_data
from iot_pipeline_cfn.review.reviewing import review
from report_scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_data_is_as_in_the_golden_file_and_in_the_schema(name):
    data = as_data(review(*SCENARIOS[name], region=REGION))
    documents(json.dumps(json_document("review", data)))
    if name == "cascade":
        compare_with_golden("cascade.json", json.dumps(data, indent=2) + "\n")
