"""Installing the locked requirements of a part of the project."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from checkout import ROOT, run
from install import LOCK, PARTS, SCHEMAS, locked


def names(part):
    return {entry.partition("==")[0] for entry in locked(part)}


@pytest.mark.parametrize("part", PARTS)
def test_part_has_all_that_its_packages_require(part):
    has_linter = "review" in PARTS[part]
    for name in names(part) - ({SCHEMAS} if not has_linter else set()):
        try:
            requirements = map(Requirement, distribution(name).requires or ())
        except PackageNotFoundError:
            continue  # Another platform or Python needs it.
        needed = [each.name for each in requirements if not each.marker or each.marker.evaluate()]
        assert {re.sub(r"[._]", "-", each.lower()) for each in needed} <= names(part), name


def test_development_has_everything_and_the_deployer_no_tools():
    assert len(locked("dev")) == LOCK.read_text().count("# via")
    assert names("local") - names("deployer") >= {"ministack"}
    assert not names("deployer") & {"ministack", "moto", "psycopg", "pytest", "sympy"}


def test_deployer_has_the_schemas():
    assert SCHEMAS in names("deployer")


@pytest.fixture
def checkout(tmp_path):
    """A project without requirements that is built without a package index."""
    shutil.copy(ROOT / "install.py", tmp_path)
    backend = Path(find_spec("flit_core").origin).parent
    shutil.copytree(backend, tmp_path / "backend/flit_core")
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "any.py").write_text("def main(): print('works')")
    (tmp_path / "pyproject.toml").write_text("""
        [build-system]
        requires = []
        build-backend = "flit_core.buildapi"
        backend-path = ["backend"]
        [project]
        name = "any"
        version = "1"
        description = "any"
        dependencies = []
        scripts = {any = "any:main"}
        optional-dependencies = {local = ["missing"]}
        [dependency-groups]
    """)
    return tmp_path


def start(checkout):
    command = [sys.executable, "install.py", "deployer"]
    return subprocess.Popen(command, cwd=checkout, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_at_once_install_once(checkout):
    processes = [start(checkout) for _ in range(2)]
    said = "".join(process.communicate()[1] for process in processes)
    assert [process.returncode for process in processes] == [0, 0], said
    assert said.count("Installing") == 1
    assert run(checkout / ".venv/bin/any").stdout == "works\n"


@pytest.mark.slow
def test_package_index_that_is_not_reached_is_reported(checkout):
    with start(checkout) as first:
        assert first.wait() == 0
    (checkout / "requirements.txt").write_text(
        "missing==1 \\\n    --hash=sha256:0\n    # via any\n"
    )
    stamp = checkout / ".venv/deployer.installed"
    stamp.touch()
    (stamp.parent / "bin/pip").touch()  # Where uv has installed, pip is not there to fail.
    env = os.environ | {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    done = run(sys.executable, "install.py", "local", cwd=checkout, env=env)
    assert done.returncode == 1
    assert "PIP_INDEX_URL" in done.stderr.splitlines()[-1]
    assert [*stamp.parent.glob("*.installed")] == [stamp]
