"""The command validate."""

from collections.abc import Sequence
from pathlib import Path

import click

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.files import UnreadableFileError
from iot_pipeline_cfn.template.parameter_wording import parameter_sentence
from iot_pipeline_cfn.template.parameters import check_file, load, load_template, template_path

from .options import FILE, PARAMETERS, template_option
from .printing import echo


@click.command()
@click.argument("files", type=FILE, nargs=-1)
@template_option
def validate(*, files: Sequence[Path], template: Path | None) -> ExitCode:
    """Check parameter files against their templates.

    Without files, all of parameters/ are checked.
    """
    chosen = files or sorted(PARAMETERS.glob("*.json"))
    if not chosen:
        message = f"there are no files in {PARAMETERS}/"
        raise click.UsageError(message)
    status = ExitCode.DONE
    for path in chosen:
        try:
            file = load(path)
            body = load_template(template or template_path(file.template))
            found = [parameter_sentence(finding) for finding in check_file(body, file)]
            status = status or (ExitCode.INVALID if found else ExitCode.DONE)
        except UnreadableFileError as error:
            found = [str(error)]
            status = ExitCode.USAGE
        for problem in found:
            echo(problem, err=True)
    if status is ExitCode.DONE:
        echo(f"{len(chosen)} parameter files fit {template or 'their templates'}")
    return status
