"""The register of assumptions as Markdown, for docs/not-tried-on-aws.md."""

from collections.abc import Iterator

from iot_pipeline_cfn.rehearsal.assumptions import Assumption, load_register
from iot_pipeline_cfn.review.report.tables import codes, table

from .rehearsal_wording import CHECK_WORDINGS, STEP_WORDINGS


def assumptions_document() -> str:
    """Return the register as a Markdown document."""
    return "\n".join(_lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    register = load_register()
    yield from ("# Not tried on AWS", "", register.introduction)
    for topic in register.topics:
        yield from (f"## {topic.title}", "")
        if topic.before:
            yield topic.before
        header = ("ID", "Assumption", "Where", "Evidence", "If it is wrong", "Decided by")
        yield from table(header, map(_row, topic.assumptions))
        if topic.after:
            yield topic.after


def _row(assumption: Assumption) -> tuple[str, ...]:
    decided_by = assumption.observe
    if assumption.step:
        step, check = STEP_WORDINGS[assumption.step], CHECK_WORDINGS[assumption.check]
        decided_by = f"rehearsal, {step}: {check}"
    if assumption.resources:
        decided_by += f"; refuted if {codes(assumption.resources)} fails"
    return (
        codes([assumption.id]),
        assumption.statement,
        ", ".join(map(_place, assumption.where)),
        assumption.evidence,
        assumption.otherwise,
        decided_by,
    )


def _place(name: str) -> str:
    """Return a place in the code, or a link to a document."""
    document = name.partition("#")[0]
    return f"[{document}]({name})" if document.endswith(".md") else codes([name])
