"""The wording of headlines, held by golden/headlines.txt."""

from golden import compare_with_golden
from iot_pipeline_cfn.review.report.headline import STATEMENT_WORDINGS, statement_text
from iot_pipeline_cfn.review.statements import Statement
from iot_pipeline_cfn.review.verdict import ResourceOutcome, Scope
from iot_pipeline_cfn.template.findings import Finding, Severity

PROD, NEW_DEV = Scope("prod", only_new=False), Scope("dev", only_new=True)
COUNTS = ((ResourceOutcome.REMOVED, 1), (ResourceOutcome.MAYBE_REPLACED, 2))
OPENED = Finding(
    "traffic-opened",
    Severity.EXPOSURE,
    "Database",
    {"sources": ["10.0.0.0/8"], "targets": ["Database"], "ports": ["tcp 5432"]},
)
STATEMENTS = [
    Statement("data-loss", ("A", "B", "C", "D", "E"), scopes=(PROD,)),
    Statement("exposure", ("A",), causes=("B",), scopes=(PROD, NEW_DEV)),
    Statement("exposure", ("Database",), findings=(OPENED,), scopes=(PROD,)),
    Statement("rejection", ("A",), scopes=(Scope("", only_new=True),)),
    Statement("replacement", ("A", "B"), followers=24, is_everywhere=True),
    Statement("removal", ("A",)),
    Statement("interruption", ("A",), scopes=(Scope("", only_new=False),)),
    Statement("possible-data-loss", ("A",)),
    Statement("possible-exposure", ("A",)),
    Statement("possible-replacement", ("A",)),
    Statement("less-protection", ("A",)),
    Statement("warning", ("A",)),
    Statement("outputs-removed", ("A",)),
    Statement("conditional", ("A",), severity=Severity.DATA_LOSS),
    Statement("unknown", ("A",)),
    Statement("not-assessed", ("AWS::Glue::Job",)),
    Statement("not-priced", ("Web",)),
    Statement("warning", ("Vpc",), findings=(Finding("rules-changed", Severity.WARNING, "Vpc"),)),
    Statement("environment-added", counts=((ResourceOutcome.ADDED, 79),), scopes=(PROD,)),
    Statement("harmless", counts=COUNTS, is_everywhere=True),
    Statement("changes", counts=COUNTS),
    Statement("new-differs", counts=COUNTS, scopes=(NEW_DEV,)),
    Statement(
        "no-resource-change",
        findings=(Finding("rules-changed", Severity.CHANGE, "Rules"),),
    ),
    Statement("no-effect"),
    Statement("no-change"),
]


def test_headlines_are_as_in_the_golden_file():
    assert {statement.code for statement in STATEMENTS} == STATEMENT_WORDINGS.keys()
    compare_with_golden("headlines.txt", "".join(f"{statement_text(one)}\n" for one in STATEMENTS))
