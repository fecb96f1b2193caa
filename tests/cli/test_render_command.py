"""Rendering the templates with generate.py."""

import shutil
import sys

import pytest

from checkout import ROOT, run

pytestmark = pytest.mark.slow
"""Each test starts the program."""

SLOW_TO_IMPORT = {"boto3", "botocore", "cfnlint", "ministack", "rich"}


def generate(*arguments, cwd=ROOT):
    return run(sys.executable, str(ROOT / "generate.py"), *arguments, cwd=cwd)


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
