"""Rendering the templates with generate.py."""

import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from checkout import ROOT, run
from deploying import run_program
from golden import compare_errors
from iot_pipeline_cfn.cli import program
from iot_pipeline_cfn.cli.render_command import render

SLOW_TO_IMPORT = {"boto3", "botocore", "cfnlint", "ministack", "rich"}
GOLDEN = Path(__file__).with_name("golden") / "generate-errors.txt"
TEMPLATES = sorted((ROOT / "templates").iterdir())


def generate(*arguments, cwd=ROOT):
    main = partial(program.run, render, "generate.py")
    return run_program(main, cwd, {}, "generate.py", *arguments)


def test_every_template_is_written_and_printed_with_its_size(tmp_path):
    done = generate("--directory", str(tmp_path / "templates"), cwd=tmp_path)
    assert (done.status, done.err) == (0, "")
    written = {path.name: path.read_text() for path in (tmp_path / "templates").iterdir()}
    assert written == {path.name: path.read_text() for path in TEMPLATES}
    names = [f"templates/{path.name}" for path in TEMPLATES if path.suffix == ".json"]
    assert sorted(line.split(":")[0] for line in done.out.splitlines()) == sorted(names)


def test_check_works_in_any_directory(tmp_path):
    done = generate("--check", cwd=tmp_path)
    assert (done.status, done.out, done.err) == (0, "", "")


def test_check_shows_stale_files_and_writes_nothing(tmp_path):
    shutil.copytree(ROOT / "templates", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "iot-pipeline.json"
    path.write_text(changed := path.read_text().replace("10.0.1.0/24", "10.0.9.0/24"))
    done = generate("--check", "--directory", str(tmp_path), cwd=tmp_path)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("iot-pipeline.json: ")
    assert "10.0.9.0/24" in done.err
    assert path.read_text() == changed


def test_error_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    commands = (
        "--chekc",
        "more",
        "--che",
        "--directory file",
        "--check --directory file",
        "--directory /missing/templates",
    )
    results = {each: generate(*each.split(), cwd=tmp_path) for each in commands}
    assert {done.status for done in results.values()} == {2}
    compare_errors(GOLDEN, "generate.py", results)


@pytest.mark.slow
def test_missing_packages_are_named_with_the_command_to_run():
    done = run(sys.executable, "-I", "-S", str(ROOT / "generate.py"))
    assert done.returncode == 2
    assert "make template" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_rendering_imports_nothing_that_is_slow_to_import():
    done = run(sys.executable, "-X", "importtime", str(ROOT / "generate.py"), "--check")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "troposphere" in imported
    assert not imported & SLOW_TO_IMPORT
