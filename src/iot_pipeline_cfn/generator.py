"""The command line of `generate.py`.

Exit codes: 0 done; 1 something is stale; 2 an option was not understood, or a file could not be
read or written; 130 interrupted. An error is one line on stderr.

Not a command of `iot-pipeline`: click takes longer to import than the template takes to build.
"""

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what it did not understand."""

    def error(self, message: str) -> NoReturn:
        """Exit with the message, and without the usage that comes before it elsewhere."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def main(*, directory: Path) -> int:
    """Write the templates, by default to the directory, or compare; return the exit code."""
    parser = Parser(description="Render every template to its file.", allow_abbrev=False)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file is stale"
    )
    parser.add_argument(
        "--directory", type=Path, default=directory, help="where the templates are, or go"
    )
    options = parser.parse_args()
    # Collecting garbage takes a while, and this process is over before memory runs short.
    gc.disable()
    try:
        return check(options.directory) if options.check else generate(options.directory)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        parser.exit(2, f"{parser.prog}: {place}{error.strerror}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted; no file is half-written\n")


def generate(directory: Path) -> int:
    """Write every template and say what is in it; return the exit code.

    Raises:
        OSError: when a file or the directory cannot be written.

    """
    from .files import write
    from .rendering import render_all

    if not directory.exists():
        directory.mkdir()
    for name, rendering in render_all().items():
        path = Path(os.path.relpath(directory / f"{name}.json"))
        write(path, rendering.text)
        print(
            f"{path}: {rendering.count('Resources')} resources, "
            f"{rendering.count('Parameters')} parameters, {rendering.count('Outputs')} outputs, "
            f"{rendering.bytes_sent()} bytes as sent"
        )
    return 0


def check(directory: Path) -> int:
    """Name every stale file with its first differences; return the exit code.

    Raises:
        OSError: when a file is there and cannot be read.

    """
    from .rendering import render_all, stale

    found = list(stale(directory, render_all()))
    for path, differences in found:
        print(f"{os.path.relpath(path)}: stale", file=sys.stderr)
        for line in differences:
            print(f"    {line}", file=sys.stderr)
    return 1 if found else 0
