"""Validating parameter files."""

from pathlib import Path

from checkout import PARAMETER_FILES, ROOT
from deploying import pipeline
from golden import compare_with_golden, transcript

GOLDEN = Path(__file__).with_name("golden") / "validate.txt"
FILES = {
    "broken.json": "{",
    "several.json": '{"Parameters": {"Availability": "always", "Ingress": "both"}}',
    "good.json": "{}",
}


def test_committed_files_are_valid():
    for files in ((), [str(path) for path in PARAMETER_FILES]):
        done = pipeline("validate", *files)
        assert (done.status, done.err) == (0, "")


def test_every_finding_is_one_line(tmp_path):
    """An unreadable file does not end the validation."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    template = ("--template", str(ROOT / "templates/iot-pipeline.json"))
    text = ""
    for files, status in (
        ("several.json good.json", 3),
        ("missing.json broken.json good.json .", 2),
    ):
        done = pipeline("validate", *files.split(), *template, cwd=tmp_path)
        assert done.status == status
        text += transcript(f"iot-pipeline validate {files}", done)
    compare_with_golden(GOLDEN, text)
