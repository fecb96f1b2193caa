"""Groups of options, as commands receive them."""

import click
import pytest
from click.testing import CliRunner

from iot_pipeline_cfn.cli.options import (
    Patience,
    Place,
    RequestOptions,
    patience_options,
    place_options,
    request_options,
    together,
)


@click.command()
@together(request_options, patience_options, place_options)
def command(**groups):
    return groups


def run(*arguments, **variables):
    done = CliRunner().invoke(command, arguments, env=variables, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value


@pytest.mark.parametrize(
    ("arguments", "variables", "name", "group"),
    [
        ((), {}, "place", Place("aws", None, debug=False)),
        (
            ("--target", "local", "--debug"),
            {"IOT_PIPELINE_TARGET": "aws", "IOT_PIPELINE_REGION": "eu-west-1"},
            "place",
            Place("local", "eu-west-1", debug=True),
        ),
        ((), {}, "patience", Patience(3600, wait=True, on_interrupt=None)),
        (
            ("--timeout", "0.5", "--no-wait", "--on-interrupt", "leave"),
            {},
            "patience",
            Patience(0.5, wait=False, on_interrupt="leave"),
        ),
        ((), {}, "options", RequestOptions((), None, None, ())),
        (
            ("--parameter", "A=a", "--parameter", "B=b", "--image-tag", ""),
            {"IOT_PIPELINE_BUCKET": "bucket", "IOT_PIPELINE_IGNORE": "vpcs image"},
            "options",
            RequestOptions(("A=a", "B=b"), "", "bucket", ("vpcs", "image")),
        ),
    ],
)
def test_options_and_variables_are_collected_by_group(arguments, variables, name, group):
    assert run(*arguments, **variables)[name] == group


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_timeout_is_a_positive_number(seconds):
    with pytest.raises(click.BadParameter):
        run("--timeout", seconds)
