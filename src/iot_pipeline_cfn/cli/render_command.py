"""The command of `generate.py`, which renders templates and their documents."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.review.assessment_tables import with_tables
from iot_pipeline_cfn.review.document import document
from iot_pipeline_cfn.stack import render_all
from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.parameters import load
from iot_pipeline_cfn.template.rendering import Rendering, StaleFile, Staleness, find_stale_files

from .assumptions_wording import assumptions_document
from .options import FILE
from .printing import echo

ROOT = Path(__file__).parents[3]
DOCUMENTS = ROOT / "docs"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is stale.")
@click.option(
    "--directory",
    type=FILE,
    default=ROOT / "templates",
    help="The directory of the templates.  [default: templates]",
)
@click.option(
    "--parameters",
    type=FILE,
    default=ROOT / "parameters",
    help="The directory of the parameter files.  [default: parameters]",
)
def render(*, check: bool, directory: Path, parameters: Path) -> ExitCode:
    """Render every template to its file with its document, and what docs/ has of the code."""
    renderings = render_all()
    files = {path.stem: load(path) for path in sorted(parameters.glob("*.json"))}
    given = {
        name: {stem: file.parameters for stem, file in files.items() if file.template == name}
        for name in renderings
    }
    # Nothing is written unless everything can be rendered.
    texts = {
        f"{name}{suffix}": text
        for name, rendering in renderings.items()
        for suffix, text in (
            (".json", rendering.text),
            (".md", document(name, rendering.body, given[name])),
        )
    }
    documents = {
        "reviewing.md": with_tables((DOCUMENTS / "reviewing.md").read_text(encoding="utf-8")),
        "not-tried-on-aws.md": assumptions_document(),
    }
    if check:
        stale = find_stale_files(DOCUMENTS, documents)
        generated = [file for file in stale if file.reason is not Staleness.OBSOLETE]
        return _check([*find_stale_files(directory, texts), *generated])
    if not directory.exists():
        directory.mkdir()
    for name, text in texts.items():
        write(Path(os.path.relpath(directory / name)), text)
    for name, text in documents.items():
        write(Path(os.path.relpath(DOCUMENTS / name)), text)
    for name, rendering in renderings.items():
        echo(f"{os.path.relpath(directory / name)}.json: {_size(rendering)}")
    return ExitCode.DONE


def _check(found: Sequence[StaleFile]) -> ExitCode:
    """Name every stale file with its first differences."""
    for file in found:
        echo(f"{os.path.relpath(file.path)}: stale", err=True)
        for line in (_advice(file), *file.differences):
            echo(f"    {line}", err=True)
    return ExitCode.REFUSED if found else ExitCode.DONE


def _advice(file: StaleFile) -> str:
    if file.reason is Staleness.DIFFERENT and not file.differences:
        return "only the line ends differ: run make template"
    return {
        Staleness.MISSING: "missing: run make template",
        Staleness.DIFFERENT: "run make template, or find out why it changed:",
        Staleness.OBSOLETE: "nothing is rendered to this file: remove it",
    }[file.reason]


def _size(rendering: Rendering) -> str:
    counts = (
        f"{rendering.count(section)} {section.lower()}"
        for section in ("Resources", "Parameters", "Outputs")
    )
    return f"{', '.join(counts)}, {rendering.bytes_sent()} bytes as sent"
