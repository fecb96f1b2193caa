"""The command line of `generate.py`.

Exit codes: 0 done; 1 something is stale; 2 an option was not understood, or a file could not be
read or written; 130 interrupted. An error is one line on stderr.

Not a command of `iot-pipeline`: click takes longer to import than the template takes to build.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from iot_pipeline_cfn.template.rendering import Rendering


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what it did not understand."""

    def error(self, message: str) -> NoReturn:
        """Exit with the message, and without the usage that comes before it elsewhere."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def main(*, directory: Path, parameters: Path) -> int:
    """Write the templates, by default to the directory, or compare; return the exit code.

    In `parameters` are the files that tell what a template's document says of environments.
    """
    parser = Parser(
        description="Render every template to its file, and its document beside it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file is stale"
    )
    parser.add_argument(
        "--directory", type=Path, default=directory, help="where the templates are, or go"
    )
    options = parser.parse_args()
    from iot_pipeline_cfn.template.parameters import UnreadableFileError

    act = check if options.check else generate
    try:
        return act(options.directory, parameters)
    except UnreadableFileError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        parser.exit(2, f"{parser.prog}: {place}{error.strerror}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted; no file is half-written\n")


def generate(directory: Path, parameters: Path) -> int:
    """Write every template and its document, and say what is in it; return the exit code.

    Raises:
        OSError: when a file or the directory cannot be written.
        UnreadableFileError: when a parameter file cannot be read.

    """
    from iot_pipeline_cfn.stack import render_all
    from iot_pipeline_cfn.template.files import write

    if not directory.exists():
        directory.mkdir()
    renderings = render_all()
    # Nothing is written unless all can be.
    documents = {
        name: documented(name, rendering, parameters) for name, rendering in renderings.items()
    }
    for name, rendering in renderings.items():
        path = os.path.relpath(directory / name)
        write(Path(f"{path}.json"), rendering.text)
        write(Path(f"{path}.md"), documents[name])
        print(
            f"{path}.json: {rendering.count('Resources')} resources, "
            f"{rendering.count('Parameters')} parameters, {rendering.count('Outputs')} outputs, "
            f"{rendering.bytes_sent()} bytes as sent"
        )
    return 0


def check(directory: Path, parameters: Path) -> int:
    """Name every stale file with its first differences; return the exit code.

    Raises:
        OSError: when a file is there and cannot be read.
        UnreadableFileError: when a parameter file cannot be read.

    """
    from iot_pipeline_cfn.stack import render_all
    from iot_pipeline_cfn.template.rendering import stale

    texts = {}
    for name, rendering in render_all().items():
        texts[f"{name}.json"] = rendering.text
        texts[f"{name}.md"] = documented(name, rendering, parameters)
    found = list(stale(directory, texts))
    for path, differences in found:
        print(f"{os.path.relpath(path)}: stale", file=sys.stderr)
        for line in differences:
            print(f"    {line}", file=sys.stderr)
    return 1 if found else 0


def documented(name: str, rendering: "Rendering", parameters: Path) -> str:
    """Return the document of a template, for the environments that parameter files make of it.

    Raises:
        UnreadableFileError: when a parameter file cannot be read.

    """
    from iot_pipeline_cfn.review.document import document
    from iot_pipeline_cfn.template.parameters import load

    given = {path.stem: load(path).parameters for path in sorted(parameters.glob("*.json"))}
    return document(name, rendering.body, given)
