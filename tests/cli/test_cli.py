"""The command line, run as a person runs it."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from checkout import PIPELINE, ROOT, run
from iot_pipeline_cfn import cli

pytestmark = pytest.mark.slow
"""Each test starts the program."""

SLOW_TO_IMPORT = {"boto3", "botocore", "cfnlint", "ministack", "rich"}


def generate(*arguments, cwd=ROOT):
    return run(sys.executable, str(ROOT / "generate.py"), *arguments, cwd=cwd)


def pipeline(*arguments, cwd=ROOT):
    return run(PIPELINE, *arguments, cwd=cwd)


def test_generate_writes_every_template_and_prints_its_size(tmp_path):
    done = generate("--directory", str(tmp_path / "templates"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    resources, parameters, outputs, size = done.stdout.split()[1::2][:4]
    assert done.stdout.startswith("templates/iot-pipeline.json: ")
    assert " resources, " in done.stdout
    assert done.stdout.endswith(" bytes as sent\n")
    committed = (ROOT / "templates/iot-pipeline.json").read_text()
    assert (tmp_path / "templates/iot-pipeline.json").read_text() == committed
    assert all(number.isdecimal() for number in (resources, parameters, outputs, size))


def test_generate_works_in_any_directory(tmp_path):
    done = generate("--check", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_shows_stale_files_and_writes_nothing(tmp_path):
    shutil.copytree(ROOT / "templates", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "iot-pipeline.json"
    path.write_text(changed := path.read_text().replace("10.0.1.0/24", "10.0.9.0/24"))
    done = generate("--check", "--directory", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("iot-pipeline.json: stale\n    run make template")
    assert '10.0.9.0/24"' in done.stderr
    assert path.read_text() == changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chekc"], "No such option"),
        (["more"], "unexpected extra argument"),
        (["--che"], "No such option"),
        (["--directory", "generate.py"], "generate.py/iot-pipeline.json: Not a directory"),
        (["--check", "--directory", "generate.py"], "generate.py: Not a directory"),
        (["--directory", "/missing/templates"], "/missing/templates: No such"),
    ],
)
def test_generate_reports_an_error_in_one_line(arguments, message):
    done = generate(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("generate.py: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_generate_without_its_packages_names_the_command_to_run():
    done = run(sys.executable, "-I", "-S", str(ROOT / "generate.py"))
    assert done.returncode == 2
    assert "make template" in done.stderr
    assert done.stderr.count("\n") == 1


def test_rendering_imports_nothing_that_is_slow_to_import():
    done = run(sys.executable, "-X", "importtime", str(ROOT / "generate.py"), "--check")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "troposphere" in imported
    assert not imported & SLOW_TO_IMPORT


@pytest.mark.parametrize("arguments", [["--help"], ["deploy", "--help"], ["validate"]])
def test_help_and_validation_import_nothing_that_is_slow_to_import(arguments):
    done = run(sys.executable, "-X", "importtime", str(PIPELINE), *arguments)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "iot_pipeline_cfn.template.parameters" in imported
    assert not imported & (SLOW_TO_IMPORT | {"troposphere"})


def test_help_names_every_command():
    for arguments, status in ((["--help"], 0), ([], 2)):
        done = pipeline(*arguments)
        assert done.returncode == status
        for command in cli.pipeline.commands:
            assert f"\n  {command} " in done.stdout + done.stderr


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate"], "there are no files in parameters/"),
        (["validate", "a.json"], "templates/iot-pipeline.json: No such file or directory"),
        (["validate", "a.json", "--template", "a.json"], "a.json: is not a template"),
        (["valdiate"], "No such command 'valdiate'"),
        (["validate", "--al"], "No such option '--al'"),
    ],
)
def test_usage_error_is_reported_in_one_line(tmp_path, arguments, message):
    (tmp_path / "a.json").write_text("{}")
    done = pipeline(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"iot-pipeline: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", [(sys.executable, "generate.py"), (PIPELINE, "validate")])
def test_interruption_prints_no_traceback(program, tmp_path):
    """A named pipe in place of a file keeps the program waiting."""
    pipe = tmp_path / "iot-pipeline.json"
    os.mkfifo(pipe)
    option = "--check --directory" if "generate.py" in program else "parameters/pr.json --template"
    place = tmp_path if "generate.py" in program else pipe
    process = subprocess.Popen(
        [*program, *option.split(), str(place)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    # Opening the other end returns once the program reads from this one.
    with pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    # click first ends the line in which a terminal shows ^C.
    assert "interrupted" in said
    assert said.strip().count("\n") == 0
