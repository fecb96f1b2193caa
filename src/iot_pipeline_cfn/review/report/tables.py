"""Text as Markdown shows it, and tables of it."""

import re
from collections.abc import Iterable, Sequence

from iot_pipeline_cfn.review.differences import one_line

SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]")


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line; GitHub notifies nobody of it."""
    return SPECIAL.sub(lambda found: f"\\{found[0]}", one_line(text)).replace("@", "&#64;")


def code(text: str) -> str:
    """Return a text in the font of code, in one line and also within a table."""
    line = one_line(text).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""


def codes(texts: Iterable[str]) -> str:
    """Return several texts in the font of code."""
    return ", ".join(map(code, texts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, optional: int = 0) -> list[str]:
    """Return the lines of a table, whose cells are Markdown already; none where it has no rows.

    Up to `optional` trailing columns are omitted if they are empty.
    """
    cells = list(rows)
    if not cells:
        return []
    always = len(header) - optional
    kept = [
        place for place in range(len(header)) if place < always or any(row[place] for row in cells)
    ]
    lines = [header, ["---"] * len(header), *cells]
    return [*(f"| {' | '.join(line[place] for place in kept)} |" for line in lines), ""]
