"""The command review."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from iot_pipeline_cfn import DEFAULT_REGION
from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.review.report.json_data import as_data
from iot_pipeline_cfn.review.report.markdown import markdown
from iot_pipeline_cfn.review.report.terminal import lines
from iot_pipeline_cfn.review.reviewing import Side
from iot_pipeline_cfn.review.reviewing import review as review_templates
from iot_pipeline_cfn.review.sources import base, committed, template_of, work_tree
from iot_pipeline_cfn.template.findings import Severity
from iot_pipeline_cfn.template.parameters import load

from .console import json_document
from .options import FILE, json_option
from .preflight_wording import sentence
from .printing import columns, echo, rich_console, wrapped
from .staleness import find_staleness


@click.command()
@click.argument("files", type=FILE, nargs=-1, metavar="[OLD.json NEW.json]")
@click.option(
    "--base",
    "commit",
    envvar="IOT_PIPELINE_BASE",
    metavar="COMMIT",
    help="The commit to compare with.  [default: where the branch has left origin/main]",
)
@click.option(
    "--parameters",
    "parameter_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="With two files: parameters to resolve both with; repeatable.",
)
@click.option(
    "--region",
    envvar="IOT_PIPELINE_REGION",
    default=DEFAULT_REGION,
    show_default=True,
    help="The AWS Region of the environments.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment.")
@json_option
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    help=f"Exit with {ExitCode.REVIEW_FAILED:d} if a finding is this severe, or more, and with "
    f"{ExitCode.STALE:d} if the templates are stale.",
)
def review(
    *,
    files: Sequence[Path],
    commit: str | None,
    parameter_files: Sequence[Path],
    region: str,
    as_markdown: bool,
    as_json: bool,
    fail_on: str | None,
) -> ExitCode:
    """Show what this work tree changes in each environment type.

    Compares templates/ and parameters/ with a commit, or else two templates.
    """
    if len(files) not in {0, 2}:
        message = "takes no files, or two: OLD.json NEW.json"
        raise click.UsageError(message)
    if as_markdown and as_json:
        message = "--markdown and --json exclude each other"
        raise click.UsageError(message)
    before, after = _given(files, parameter_files) if files else _committed(commit, parameter_files)
    staleness = None if files else find_staleness()
    warning = sentence(staleness) if staleness else ""
    reviews = review_templates(before, after, region=region)
    if as_json:
        echo(json.dumps(json_document("review", as_data(reviews, staleness))))
    elif as_markdown:
        echo((f"> [!CAUTION]\n> {warning}\n\n" if warning else "") + markdown(reviews))
    else:
        _print_lines([*([(warning, "bold red")] if warning else []), *lines(reviews)])
    if fail_on and staleness:
        return ExitCode.STALE
    worst = [one.worst.rank for one in reviews if one.worst]
    failed = fail_on and worst and min(worst) <= Severity(fail_on).rank
    return ExitCode.REVIEW_FAILED if failed else ExitCode.DONE


def _committed(commit: str | None, parameter_files: Sequence[Path]) -> tuple[Side, Side]:
    if parameter_files:
        message = "--parameters needs two files; without them parameters/ is read"
        raise click.UsageError(message)
    after = work_tree()
    commit = base(commit)
    echo(f"compared with {commit[:12]}", err=True)
    return committed(commit), after


def _given(files: Sequence[Path], parameter_files: Sequence[Path]) -> tuple[Side, Side]:
    name = files[1].stem
    given = {path.stem: replace(load(path), template=name) for path in parameter_files}
    old, new = (Side({name: template_of(path)}, given) for path in files)
    return old, new


def _print_lines(styled: Sequence[tuple[str, str]]) -> None:
    width = columns()
    if not width:
        for line, _ in styled:
            echo(line)
        return
    from rich.text import Text

    console = rich_console()
    for line, style in styled:
        console.print(Text(wrapped(line, width), style), soft_wrap=True)
