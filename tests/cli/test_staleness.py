"""Templates that are not what the code of the checkout renders."""

import shutil

import pytest

from checkout import ROOT, run
from deploying import pipeline


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a commit."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("parameters", "src/iot_pipeline_cfn", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for arguments in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "parameters", "templates"),
        ("-c", "user.name=any", "-c", "user.email=any@example.com", "commit", "--quiet", "-m", "1"),
    ):
        assert run("git", *arguments, cwd=tmp_path).returncode == 0
    return tmp_path


def edit(checkout, path, old, new):
    text = (checkout / path).read_text()
    assert old in text
    (checkout / path).write_text(text.replace(old, new))


def change_the_code(checkout):
    edit(checkout, "src/iot_pipeline_cfn/stack/security_groups.py", "PORT = 8080", "PORT = 9090")


def break_the_code(checkout):
    edit(checkout, "src/iot_pipeline_cfn/stack/security_groups.py", "PORT = 8080", "PORT =")


def change_the_template(checkout):
    edit(checkout, "templates/iot-pipeline.json", "10.0.1.0/24", "10.0.9.0/24")


def remove_the_template(checkout):
    (checkout / "templates/iot-pipeline.json").unlink()


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (change_the_code, "stale"),
        (break_the_code, "unrenderable"),
        (remove_the_template, "stale"),
    ],
)
def test_stale_template_is_not_deployed(checkout, how, problem):
    how(checkout)
    for arguments in (("plan", "pr1"), ("deploy", "pr1", "--yes"), ("bootstrap", "--yes")):
        done = pipeline(*arguments, cwd=checkout)
        assert (done.status, done.code, done.details["problem"]) == (12, "templates", problem)
        named = done.details.get("files") or done.details["reason"]
        assert "templates/iot-pipeline.json" in named or named == "SyntaxError: invalid syntax"


@pytest.mark.parametrize("how", [change_the_code, break_the_code, change_the_template])
def test_review_of_a_stale_template_says_so_first(checkout, how):
    how(checkout)
    first, *_ = pipeline("review", cwd=checkout).out.splitlines()
    assert "make template" in first
    caution, quoted, *_ = pipeline("review", "--markdown", cwd=checkout).out.splitlines()
    assert (caution, quoted) == ("> [!CAUTION]", f"> {first}")
    done = pipeline("review", "--json", "--fail-on", "data-loss", cwd=checkout)
    assert (done.status, done.document["staleness"]["code"]) == (12, "templates")


def test_fresh_templates_and_files_that_are_named_are_taken(checkout):
    done = pipeline("review", "--json", "--fail-on", "note", cwd=checkout)
    assert (done.status, done.document["staleness"]) == (0, None)
    break_the_code(checkout)
    done = pipeline("plan", "dev1", "--template", "templates/iot-pipeline.json", cwd=checkout)
    assert done.status == 7  # There is no AWS here.
