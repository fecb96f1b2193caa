"""The command line: `iot-pipeline`, and `generate.py`, which is its command `render`.

Exit codes: 0 done; 1 something is stale or wrong; 2 the command was not understood, or a file could
not be read or written. An error is one line on stderr.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from . import __version__

DIRECTORY = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def run(command: click.Command, *, defaults: Mapping[str, object] | None = None) -> NoReturn:
    """Run a command, say in one line what went wrong if anything did, and exit.

    `defaults` are of the command's options, by name, in place of its own.
    """
    program = Path(sys.argv[0]).name
    try:
        # Outside of its standalone mode click leaves errors and exit codes to the caller.
        status = command.main(prog_name=program, standalone_mode=False, default_map=defaults)
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"{program}: {error.filename}: {error.strerror}", err=True)
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    sys.exit(status)


def main() -> NoReturn:
    """Run `iot-pipeline`."""
    run(pipeline)


@click.group(name="iot-pipeline")
@click.version_option(__version__)
def pipeline() -> None:
    """The CloudFormation of an IoT data pipeline, one environment per suffix."""


@pipeline.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is stale.")
@click.option(
    "--directory",
    type=DIRECTORY,
    default=Path("templates"),
    show_default=True,
    help="Where the templates are.",
)
def render(*, check: bool, directory: Path) -> int:
    """Render every template to its file, or only compare."""
    from .rendering import render_all, stale, write

    renderings = render_all()
    if check:
        found = list(stale(directory, renderings))
        for path, differences in found:
            click.echo(f"{os.path.relpath(path)}: stale, run make template", err=True)
            for line in differences:
                click.echo(f"    {line}", err=True)
        return 1 if found else 0
    for name, rendering in renderings.items():
        path = Path(os.path.relpath(directory / f"{name}.json"))
        write(path, rendering.text)
        click.echo(
            f"{path}: {rendering.resources} resources, {rendering.parameters} parameters, "
            f"{rendering.outputs} outputs, {rendering.bytes_sent} bytes as sent"
        )
    return 0


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
