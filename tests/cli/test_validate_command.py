"""Validating parameter files."""

import pytest

from checkout import PIPELINE, ROOT, run

pytestmark = pytest.mark.slow
"""Each test starts the program."""


def pipeline(*arguments, cwd=ROOT):
    return run(PIPELINE, *arguments, cwd=cwd)


def test_validate_accepts_the_committed_files():
    done = pipeline("validate")
    expected = "4 parameter files fit templates/iot-pipeline.json\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_validate_names_file_parameter_and_rule(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"Parameters": {"Availability": "always", "Colour": "red"}}')
    done = pipeline("validate", str(path))
    assert (done.returncode, done.stdout) == (3, "")
    unknown, wrong = done.stderr.splitlines()
    assert unknown.startswith(f"{path}: Colour: no such parameter; the template has AlarmEmail,")
    assert wrong == f"{path}: Availability: 'always' is not one of single-zone, multi-zone"


def test_validate_continues_after_an_unreadable_file(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "wrong.json").write_text('{"Parameters": {"Ingress": "both"}}')
    names = ["missing.json", "broken.json", "wrong.json", "."]
    template = ROOT / "templates/iot-pipeline.json"
    done = pipeline("validate", *names, "--template", str(template), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    missing, broken, wrong, directory = done.stderr.splitlines()
    assert missing == "missing.json: No such file or directory"
    assert broken.startswith("broken.json: not JSON: ")
    assert wrong == "wrong.json: Ingress: 'both' is not one of public, private"
    assert directory == ".: Is a directory"
