"""The command line, run as a person runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT


def run(*arguments, cwd=ROOT):
    return subprocess.run(arguments, capture_output=True, check=False, cwd=cwd, text=True)


def generate(*arguments, cwd=ROOT):
    return run(sys.executable, str(ROOT / "generate.py"), *arguments, cwd=cwd)


def pipeline(*arguments, cwd=ROOT):
    return run(Path(sys.executable).with_name("iot-pipeline"), *arguments, cwd=cwd)


def test_generate_writes_every_template_and_says_what_is_in_it(tmp_path):
    """One line for each, with the path as seen from here."""
    done = generate("--directory", str(tmp_path / "templates"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    resources, parameters, outputs, size = done.stdout.split()[1::2][:4]
    assert done.stdout.startswith("templates/iot-pipeline.json: ")
    assert " resources, " in done.stdout
    assert done.stdout.endswith(" bytes as sent\n")
    committed = (ROOT / "templates/iot-pipeline.json").read_text()
    assert (tmp_path / "templates/iot-pipeline.json").read_text() == committed
    assert all(number.isdecimal() for number in (resources, parameters, outputs, size))


def test_generate_finds_the_templates_from_any_directory(tmp_path):
    """Its own, and not those of where it is called."""
    done = generate("--check", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_what_is_stale_and_writes_nothing(tmp_path):
    """With the differences, and what to do."""
    path = tmp_path / "iot-pipeline.json"
    shutil.copy(ROOT / "templates/iot-pipeline.json", path)
    path.write_text(changed := path.read_text().replace("10.0.1.0/24", "10.0.9.0/24"))
    done = generate("--check", "--directory", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("iot-pipeline.json: stale, run make template\n")
    assert '10.0.9.0/24"' in done.stderr
    assert path.read_text() == changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chekc"], "unrecognized arguments: --chekc"),
        (["more"], "unrecognized arguments: more"),
        (["--directory", "generate.py"], "Not a directory"),
        (["--directory", "/dev/null/templates"], "Not a directory"),
        (["--directory", "/missing/templates"], "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, message):
    """On stderr, with exit code 2."""
    done = generate(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("generate.py: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_its_packages_generate_says_how_to_get_them():
    """A person who has not run make yet gets one line too."""
    done = run(sys.executable, "-I", "-S", str(ROOT / "generate.py"))
    assert done.returncode == 1
    assert "make template" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("argument", "renders"), [("--check", True), ("--help", False)])
def test_rendering_imports_nothing_that_it_does_not_need(argument, renders):
    """Neither AWS's client nor the linter, which are slow to import; for help, nothing at all."""
    done = run(sys.executable, "-X", "importtime", str(ROOT / "generate.py"), argument)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert ("troposphere" in imported) is renders
    unneeded = {"boto3", "botocore", "cfnlint", "click", "difflib", "ministack", "rich"}
    assert not imported & unneeded


def test_help_names_every_command():
    """In the order of the alphabet, each with what it does."""
    done = pipeline("--help")
    assert done.returncode == 0
    assert "\n  validate " in done.stdout


def test_validate_takes_the_committed_files():
    """Every parameter file fits the template."""
    done = pipeline("validate")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_validate_names_file_parameter_and_rule(tmp_path):
    """One line for each, and exit code 1."""
    path = tmp_path / "bad.json"
    path.write_text('{"Parameters": {"Availability": "always", "Colour": "red"}}')
    done = pipeline("validate", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    unknown, wrong = done.stderr.splitlines()
    assert unknown.startswith(f"{path}: Colour: no such parameter; the template has AlarmEmail,")
    assert wrong == f"{path}: Availability: 'always' is not one of single-zone, multi-zone"


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not JSON"), ("[]", "must be an object"), (None, "No such file")]
)
def test_validate_says_what_it_cannot_read(tmp_path, content, message):
    """A broken file, and one that is not there."""
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    done = pipeline("validate", str(path))
    assert done.returncode == (2 if content is None else 1)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_validate_without_a_template_says_so(tmp_path):
    """In a directory that is not the project's."""
    done = pipeline("validate", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "iot-pipeline: templates/iot-pipeline.json: No such file or directory\n"
