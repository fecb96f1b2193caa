"""The command line `iot-pipeline`.

Exit codes: 0 done; 1 something is wrong with a file; 2 the command was not understood, or a file
could not be read. An error is one line on stderr.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from . import __version__

FILE = click.Path(dir_okay=False, path_type=Path)


def main() -> NoReturn:
    """Run `iot-pipeline`, say in one line what went wrong if anything did, and exit."""
    program = pipeline.name
    try:
        # Outside of its standalone mode click leaves errors and exit codes to the caller.
        status = pipeline.main(prog_name=program, standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"{program}: {error.filename}: {error.strerror}", err=True)
        sys.exit(2)
    sys.exit(status)


@click.group(name="iot-pipeline")
@click.version_option(__version__)
def pipeline() -> None:
    """The CloudFormation of an IoT data pipeline, one environment per suffix."""


@pipeline.command()
@click.argument("files", type=FILE, nargs=-1)
@click.option(
    "--template",
    type=FILE,
    default=Path("templates/iot-pipeline.json"),
    show_default=True,
    help="What the files are for.",
)
def validate(*, files: Sequence[Path], template: Path) -> int:
    """Check parameter files, by default all in parameters/, against the template."""
    from .parameters import ParameterFileError, load, problems

    body = json.loads(template.read_bytes())
    found: list[str] = []
    for path in files or sorted(Path("parameters").glob("*.json")):
        try:
            found += problems(body, load(path))
        except ParameterFileError as error:
            found.append(str(error))
    for problem in found:
        click.echo(problem, err=True)
    return 1 if found else 0
