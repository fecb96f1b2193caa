"""The page of the assumptions that only AWS can confirm."""

from iot_pipeline_cfn.cli.assumptions_wording import assumptions_document
from iot_pipeline_cfn.rehearsal.assumptions import load_register


def test_page_has_a_row_of_six_cells_for_each_assumption():
    lines = assumptions_document().splitlines()
    for topic in load_register().topics:
        assert f"## {topic.title}" in lines
        for assumption in topic.assumptions:
            (row,) = [line for line in lines if line.startswith(f"| `{assumption.id}` |")]
            assert row.count(" | ") == 5
            assert assumption.statement in row
