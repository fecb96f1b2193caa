"""The tables of docs/reviewing.md."""

from checkout import ROOT
from iot_pipeline_cfn.review.assessment_rules import RULES
from iot_pipeline_cfn.review.assessment_tables import END, START, with_tables


def test_tables_replace_only_what_is_between_the_marks():
    text = with_tables(f"before\n{START}\nold\n{END}\nafter\n")
    assert text.startswith(f"before\n{START}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in text
    assert with_tables(text) == text


def test_every_rule_is_in_the_documentation():
    text = (ROOT / "docs/reviewing.md").read_text()
    assert [rule for rule in RULES if any(f"`{path}`" not in text for path in rule.paths)] == []
