"""Golden files, which hold the wording and the layout of reports."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "review/golden"


def compare_with_golden(name, text):
    """Compare text with a golden file; with UPDATE_GOLDEN=1, write the file.

    `name` is the name of a file of the review, or the path of another one.
    """
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
