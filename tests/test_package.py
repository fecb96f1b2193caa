"""The package, installed without the checkout."""

import os
import shutil
import sysconfig
import venv
import zipfile
from contextlib import chdir

import pytest
from flit_core.buildapi import build_wheel

from checkout import ROOT, run
from install import install

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    with chdir(ROOT):
        return directory / build_wheel(str(directory))


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    """The program, as it is installed in a virtual environment that takes its requirements here."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory, symlinks=True)
    install(directory, "--no-index", "--no-deps", str(wheel))
    (packages,) = directory.glob("lib/*/site-packages")
    (packages / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    return directory / "bin/iot-pipeline"


def test_wheel_has_every_file_of_the_package(wheel):
    package = ROOT / "src/iot_pipeline_cfn"
    files = {path for path in package.rglob("*") if path.is_file()}
    wanted = {str(path.relative_to(ROOT / "src")) for path in files if path.suffix != ".pyc"}
    found = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in found if ".dist-info/" not in name} == wanted


def test_program_works_outside_a_checkout(program, tmp_path):
    shutil.copytree(ROOT / "parameters", tmp_path / "parameters")
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    template = "templates/iot-pipeline.json"
    for arguments in (["validate"], ["review", template, template]):
        done = run(program, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    env = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1", "HOME": str(tmp_path)}
    done = run(program, "plan", "pr1", cwd=tmp_path, env=env)
    assert done.returncode == 7, done.stderr  # There are no credentials.


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("de", {"deploy", "destroy"}),
        ("deploy pr", {"pr", "prod"}),
        ("list --target ", {"aws", "local"}),
    ],
)
def test_shell_completes_commands_environments_and_options(program, words, completions):
    typed = words.split(" ")
    variables = {
        "COMP_CWORD": str(len(typed)),
        "COMP_WORDS": f"iot-pipeline {words}",
        "_IOT_PIPELINE_COMPLETE": "bash_complete",
    }
    done = run(program, cwd=ROOT / "docs", env=os.environ | variables)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == completions
