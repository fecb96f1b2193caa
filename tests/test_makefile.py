"""What make does again, and what it leaves alone; with stand-ins for the programs that it calls."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from conftest import ROOT, make, run
from iot_pipeline_cfn.cli import pipeline

COPIED = (
    *("Makefile", ".cfnlintrc", "generate.py", "requirements.lock"),
    *("parameters", "src", "templates"),
)
TEMPLATE = Path("templates/iot-pipeline.json")
DOCUMENT = TEMPLATE.with_suffix(".md")
MODULE = Path("src/iot_pipeline_cfn/cache.py")
RENDER, LINT = "python generate.py", f"cfn-lint {TEMPLATE}"


class Project:
    """A copy of the project, in which every program only notes that it was called."""

    def __init__(self, directory):
        self.directory = directory
        self.log = directory / "log"
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, directory / name)
        for name in ("python", "cfn-lint", "pip"):
            program = directory / ".venv/bin" / name
            program.parent.mkdir(parents=True, exist_ok=True)
            # Rendering brings the template back where it is gone.
            program.write_text(
                f'#!/bin/sh\necho {name} "$@" >> log\nmkdir -p templates\n'
                f"[ -e {TEMPLATE} ] || echo rendered > {TEMPLATE}\n"
            )
            program.chmod(0o755)
        self.age()
        (directory / ".venv/installed").touch()

    def age(self):
        """Make every file older than whatever is made from now on."""
        for path in [self.directory, *self.directory.rglob("*")]:
            os.utime(path, (1, 1))

    def make(self, *arguments):
        """Return the exit code, and what was called."""
        self.log.unlink(missing_ok=True)
        done = make("PYTHON=.venv/bin/python", *arguments, cwd=self.directory)
        return done.returncode, self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    assert project.make("template") == (0, [RENDER, LINT])
    assert project.make("template") == (0, [])
    # What is changed from here on is newer, even where a file system's clock is coarse.
    project.age()
    return project


@pytest.mark.parametrize(
    ("change", "called"),
    [
        (lambda root: (root / TEMPLATE).write_text("{}"), [RENDER, LINT]),
        (lambda root: (root / TEMPLATE).unlink(), [RENDER, LINT]),
        (lambda root: shutil.rmtree(root / TEMPLATE.parent), [RENDER, LINT]),
        (lambda root: (root / DOCUMENT).write_text(""), [RENDER]),
        (lambda root: (root / "parameters/pr.json").write_text(""), [RENDER]),
        (lambda root: (root / MODULE.parent / "review/prices.json").write_text(""), [RENDER]),
        (lambda root: (root / MODULE).write_text(""), [RENDER]),
        (lambda root: (root / MODULE).rename(root / "src/iot_pipeline_cfn/c.py"), [RENDER]),
        (lambda root: (root / MODULE).unlink(), [RENDER]),
        (lambda root: (root / ".cfnlintrc").write_text(""), [LINT]),
        (lambda root: (root / ".cfnlintrc").touch(), []),
        (lambda root: (root / "Makefile.old").write_text(""), []),
    ],
    ids=[
        "template edited",
        "template removed",
        "templates removed",
        "document edited",
        "parameter file edited",
        "price table edited",
        "source edited",
        "source renamed",
        "source removed",
        "linter configured",
        "linter's configuration touched",
        "something else",
    ],
)
def test_template_is_made_again_where_something_changed(project, change, called):
    """Linted only where the rendered template changed too; and then all is up to date."""
    change(project.directory)
    assert project.make("template") == (0, called)
    assert (project.directory / TEMPLATE).exists()
    assert project.make("template") == (0, [])


def test_environment_is_made_again_when_the_lock_file_changes(project):
    """And only then, from the lock file with its hashes."""
    (project.directory / "requirements.lock").write_text("")
    status, called = project.make("template")
    assert status == 0
    assert any(call.startswith("python -m venv --clear") for call in called)
    assert any("--require-hashes -r requirements.lock" in call for call in called)
    assert called[-2:] == [RENDER, LINT]
    assert project.make("template") == (0, [])


@pytest.mark.parametrize("program", ["python", "cfn-lint"])
def test_failure_is_not_swallowed_and_not_forgotten(project, program):
    """The next make tries again."""
    (project.directory / TEMPLATE).write_text("{}")
    path = project.directory / ".venv/bin" / program
    works = path.read_text()
    path.write_text("#!/bin/sh\nexit 1\n")
    assert project.make("template")[0] != 0
    assert project.make("template")[0] != 0
    path.write_text(works)
    assert project.make("template")[1][-1] == LINT


def test_make_alone_prints_every_target_with_what_it_does():
    """One line each."""
    lines = make().stdout.splitlines()
    targets = [line.split(maxsplit=1)[0] for line in lines]
    assert {"template", "test", "lint", "check"} <= set(targets)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)
    makefile = (ROOT / "Makefile").read_text()
    assert makefile.count(".PHONY:") == len(targets)


VARIABLES = (
    "ENVIRONMENT_SUFFIX",
    "IOT_PIPELINE_BASE",
    "IOT_PIPELINE_BUCKET",
    "IOT_PIPELINE_IGNORE",
    "IOT_PIPELINE_IMAGE_TAG",
    "IOT_PIPELINE_PARAMETERS",
    "IOT_PIPELINE_REGION",
    "IOT_PIPELINE_TARGET",
    "IOT_PIPELINE_YES",
)


@pytest.fixture
def deployer(project):
    """A stand-in for iot-pipeline, which notes its arguments and what it is given besides."""
    program = project.directory / ".venv/bin/iot-pipeline"
    shown = " ".join(f'"${{{name}-unset}}"' for name in VARIABLES)
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" {shown} >> log\n')
    program.chmod(0o755)
    return project


def test_every_verb_has_its_target(deployer):
    """Of the same name; those of the emulator with a hyphen."""
    verbs = {name for name in pipeline.commands if name not in {"emulator", "graph", "validate"}}
    verbs |= {f"emulator-{name}" for name in pipeline.commands["emulator"].commands}
    for verb in verbs:
        status, called = deployer.make(verb)
        assert (status, called[0]) == (0, verb.replace("emulator-", "emulator "))


def test_what_is_given_to_make_goes_to_iot_pipeline_as_it_is(deployer, monkeypatch):
    """Neither make nor a shell makes anything of it: the name of a branch can be anything."""
    nasty = "feature/$(shell touch pwned)`touch pwned`; touch pwned 'x\"$HOME"
    given = {"ENV": nasty, "IMAGE_TAG": "v 1", "PARAMETERS": "A=b C=$d", "BASE": "HEAD"}
    given |= {"BUCKET": "b", "IGNORE": "vpcs", "REGION": "r", "TARGET": "local", "YES": "1"}
    expected = [nasty, "HEAD", "b", "vpcs", "v 1", "A=b C=$d", "r", "local", "1"]
    _, called = deployer.make("deploy", *(f"{name}={value}" for name, value in given.items()))
    assert called[1:] == expected
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    # To be asked nothing is for the person who types it.
    assert deployer.make("deploy")[1][1:] == [*expected[:-1], ""]
    assert not list(deployer.directory.rglob("pwned"))


def test_suffix_can_come_from_the_environment(deployer, monkeypatch):
    """As CI systems give it; ENV goes before it."""
    monkeypatch.setenv("ENVIRONMENT_SUFFIX", "pr1")
    assert deployer.make("plan")[1][1] == "pr1"
    assert deployer.make("plan", "ENV=pr2")[1][1] == "pr2"


def test_only_integration_looks_at_what_is_deployed(deployer):
    """With what is given to make, as the verbs are."""
    programs = deployer.directory / ".venv/bin"
    shutil.copy(programs / "iot-pipeline", programs / "pytest")
    _, called = deployer.make("integration", "ENV=pr1", "REGION=r", "TARGET=local")
    given = {
        "ENVIRONMENT_SUFFIX": "pr1",
        "IOT_PIPELINE_REGION": "r",
        "IOT_PIPELINE_TARGET": "local",
    }
    assert called[0].startswith("--deployed")
    assert called[0].endswith("tests/integration")
    assert called[1:] == [given.get(name, "") for name in VARIABLES]
    assert "--deployed" not in deployer.make("test", "ENV=pr1")[1][0]


def test_tests_heed_no_environment_that_is_named_by_accident():
    """They look at those that they have deployed themselves."""
    accident = {"ENVIRONMENT_SUFFIX": "accident", "IOT_PIPELINE_TARGET": "aws"}
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/integration")
    collected = run(*command, env=os.environ | accident).stdout
    assert "test_api_is_regional[pr]" in collected
    assert "accident" not in collected
    assert (
        "test_api_is_regional[accident]"
        in run(*command, "--deployed", env=os.environ | accident).stdout
    )
