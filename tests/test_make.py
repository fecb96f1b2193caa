"""Arguments of make."""

import pytest

from checkout import make


@pytest.mark.parametrize("argument", ["ENVIRONMENT=pr1", "profile=prod", "AWS_PROFILE=prod"])
def test_unknown_argument_is_refused(argument):
    done = make("help", argument)
    assert done.returncode == 2
    assert f"no such argument: {argument.partition('=')[0]};" in done.stderr


def test_known_arguments_are_accepted():
    assert make("help", "ENV=pr1", "PROFILE=prod", "PYTHON=python3", "--jobs=2").returncode == 0
