"""The lists and tables of assessments as Markdown, for docs/reviewing.md."""

import re
from collections.abc import Iterator
from typing import Final

from iot_pipeline_cfn.template.stateful import STATEFUL

from .assessment_rules import RULES_OF, Assessment, documentation
from .assessments import PLAIN, WITH_POLICIES
from .failures import BOUND_TO_VPC, GROWING, IMMUTABLE
from .identities import UNIQUE
from .prices import PRICED, UNPRICED
from .report.tables import code, codes, table

START, END = "<!-- assessments: written by make template -->", "<!-- end of assessments -->"

KEYS: Final = {
    Assessment.DATA: "is kept for a shorter time, or is protected less",
    Assessment.EXPOSURE: "is public, unauthenticated, unencrypted, or unguarded",
}


def with_tables(document: str) -> str:
    """Return a document with the current tables between the marks."""
    body = "\n".join([START, "", *_lines(), END])
    marked = re.compile(f"{re.escape(START)}.*{re.escape(END)}", re.DOTALL)
    return marked.sub(lambda _: body, document)


def _lines() -> Iterator[str]:
    """Yield a list of the rules, a table of rejections, and lists of the types without rules."""
    yield " ".join(f"**{kind.capitalize()}** means that it {text}." for kind, text in KEYS.items())
    # In a table, the longest paths would be wider than GitHub's page.
    yield ""
    for resource_type, rules in RULES_OF.items():
        about = {
            kind: "; ".join(
                f"{codes(rule.paths)} {rule.condition}".strip()
                for rule in rules
                if rule.assessment is kind
            )
            for kind in KEYS
        }
        texts = ". ".join(f"{kind.capitalize()}: {text}" for kind, text in about.items() if text)
        name = resource_type.removeprefix("AWS::")
        yield f"- [{name}]({documentation(resource_type)}). {texts}."
    yield ""
    yield from ("A service rejects:", "")
    yield from table(("Type", "Rejected"), sorted({*_rejections()}))
    for title, found in (
        ("Hold data, which removal or replacement may lose", STATEFUL),
        ("Grant permissions", WITH_POLICIES),
        ("Have a price by the hour", PRICED),
        ("Are billed by the hour and not priced", UNPRICED),
        ("Need no rule", PLAIN),
    ):
        names = ", ".join(sorted(each.removeprefix("AWS::") for each in found))
        yield f"- **{title}**: {names}."
    yield ""


def _rejections() -> Iterator[tuple[str, str]]:
    """Yield the changes that services are known to reject, each with its source."""
    for resource_type in BOUND_TO_VPC:
        yield _rejection(resource_type, documentation(resource_type), "subnets in another VPC")
    for (resource_type, path), page in GROWING.items():
        yield _rejection(resource_type, page, f"less {code(path)}")
    for (resource_type, path), page in IMMUTABLE.items():
        yield _rejection(resource_type, page, f"another {code(path)}")
    for kind, properties, page, _ in UNIQUE:
        same = f"with the same {codes(properties)}" if properties else "of the account"
        yield _rejection(kind, page, f"a second one {same}")


def _rejection(resource_type: str, page: str, text: str) -> tuple[str, str]:
    return f"[{resource_type.removeprefix('AWS::')}]({page})", text
