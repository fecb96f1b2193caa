"""Golden files, which hold the wording and the layout of what commands print."""

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


def transcript(command, done):
    """Return a command, its output and its exit code as they look in a terminal."""
    return f"$ {command}\n{done.out}{done.err}[{done.status}]\n\n"


def compare_errors(path, program, results):
    """Compare errors of one line with a golden file; `results` has them by the arguments."""
    for done in results.values():
        assert done.status > 0
        assert (done.out, done.err.count("\n")) == ("", 1), done.err
    text = "".join(transcript(f"{program} {each}".strip(), results[each]) for each in results)
    compare_with_golden(path, text)
