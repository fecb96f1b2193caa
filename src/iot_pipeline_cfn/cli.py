"""The command line `iot-pipeline`.

Exit codes: 0 done; 1 something is wrong with what a file says; 2 the command was not understood, or
a file could not be read; 130 interrupted. An error is one line on stderr.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from . import __version__

FILE = click.Path(path_type=Path)


def main() -> NoReturn:
    """Run `iot-pipeline`, say in one line what went wrong if anything did, and exit."""
    program = "iot-pipeline"
    try:
        # Outside of its standalone mode click leaves errors and exit codes to the caller.
        status = pipeline.main(prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        status = error.exit_code
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        status = error.exit_code
    except click.Abort:
        click.echo(f"{program}: interrupted", err=True)
        status = 130
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
    from .parameters import UnreadableFileError, load, load_template, problems

    chosen = files or sorted(Path("parameters").glob("*.json"))
    if not chosen:
        message = "there are no files in parameters/"
        raise click.UsageError(message)
    status = 0
    try:
        body = load_template(template)
    except UnreadableFileError as error:
        raise click.UsageError(str(error)) from None
    for path in chosen:
        try:
            found = list(problems(body, load(path)))
            status = max(status, 1 if found else 0)
        except UnreadableFileError as error:
            found = [str(error)]
            status = 2
        for problem in found:
            click.echo(problem, err=True)
    if status == 0:
        click.echo(f"{len(chosen)} parameter files fit {template}")
    return status
