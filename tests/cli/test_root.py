"""Commands in a subdirectory of a checkout."""

import json

import pytest

from deploying import pipeline, small_template


@pytest.fixture
def docs(tmp_path):
    """A subdirectory of a project with a template and a parameter file."""
    for name, content in (
        ("templates/iot-pipeline", small_template()),
        ("parameters/pr", {}),
        ("docs/given", {"Parameters": {"DisplayName": "second"}}),
    ):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(content))
    return tmp_path / "docs"


def test_command_works_on_the_checkout(docs):
    done = pipeline("validate", cwd=docs)
    assert (done.status, done.out) == (0, "1 parameter files fit their templates\n")


@pytest.mark.parametrize("start", ["", "{}/"])
def test_path_is_relative_to_the_directory_of_the_call(docs, start):
    done = pipeline("validate", f"{start}given.json".format(docs), cwd=docs)
    assert done.status == 0, done.err


def test_directory_without_a_checkout_is_left_as_it_is(docs):
    (docs.parent / "parameters/pr.json").unlink()
    (docs.parent / "parameters").rmdir()
    assert pipeline("validate", "given.json", cwd=docs).status == 2  # There is no template.
