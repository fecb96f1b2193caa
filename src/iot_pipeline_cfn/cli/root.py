"""The root of a checkout, in which commands run from any of its directories, as git does."""

import os
from pathlib import Path
from typing import Any

import click


def enter_root() -> Path | None:
    """Change to the root, and return the directory that was left; None if nothing is changed.

    The root is the nearest directory with `templates/` and `parameters/`.
    """
    started = Path.cwd()
    for directory in (started, *started.parents):
        if (directory / "templates").is_dir() and (directory / "parameters").is_dir():
            if directory == started:
                return None
            os.chdir(directory)
            return started
    return None


class FilePath(click.Path):
    """A path, which is relative to the directory that the user has called the command in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path from the current directory."""
        started = ctx.find_root().obj if ctx else None
        path = Path(value)
        if started and not path.is_absolute():
            path = Path(os.path.relpath(started / path))
        return Path(os.fsdecode(super().convert(path, param, ctx)))
