"""The sides of a review: a commit, the work tree or a file."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.template.files import UnreadableFileError, parse_object
from iot_pipeline_cfn.template.parameters import ParameterFile, load, parameter_file
from iot_pipeline_cfn.template.template_format import parse_template

from .reviewing import Side

TEMPLATES: Final = Path("templates")
PARAMETERS: Final = Path("parameters")
MAIN: Final = ("origin/main", "origin/HEAD", "main", "master")
"""The branches that a branch is usually merged into."""


class BaseError(Exception):
    """There is nothing to compare with; the message says what to do."""


def work_tree() -> Side:
    """Read `templates/` and `parameters/` of the current directory.

    Raises:
        UnreadableFileError: A file cannot be read, or there is no template.

    """
    templates = {path.stem: template_of(path) for path in sorted(TEMPLATES.glob("*.json"))}
    if not templates:
        raise UnreadableFileError(TEMPLATES, "no templates here")
    return Side(templates, {path.stem: load(path) for path in sorted(PARAMETERS.glob("*.json"))})


def committed(commit: str) -> Side:
    """Read both directories as of a commit.

    Raises:
        BaseError: The commit does not exist, or git does not work.
        UnreadableFileError: A file cannot be read.

    """
    templates: dict[str, dict[str, Any]] = {}
    files: dict[str, ParameterFile] = {}
    for path, text in _files(commit):
        named = Path(f"{commit}:{path}")
        if path.parent == TEMPLATES:
            templates[path.stem] = parse_template(named, text)
        else:
            files[path.stem] = parameter_file(path, parse_object(named, text))
    return Side(templates, files)


def template_of(path: Path) -> dict[str, Any]:
    """Read any CloudFormation template in JSON or YAML, not only one of this project.

    Raises:
        MissingSchemasError: It is YAML, and cfn-lint is not installed.
        UnreadableFileError: It cannot be read or is not a template.

    """
    try:
        return parse_template(path, path.read_bytes())
    except OSError as error:
        raise UnreadableFileError(path, str(error.strerror)) from None


def base(named: str | None) -> str:
    """Return the commit to compare with: the named one, else where the branch has left main.

    Raises:
        BaseError: There is none.

    """
    if named:
        if commit := _commit(named):
            return commit
        message = f"there is no commit {named!r}"
        raise BaseError(message)
    main = next((name for name in MAIN if _commit(name)), None)
    if main is None:
        message = (
            "there is nothing to compare with, neither origin/main nor main: name a commit with "
            "--base (with make: BASE=...)"
        )
        raise BaseError(message)
    if commit := _git("merge-base", main, "HEAD").decode().strip():
        return commit
    shallow = _git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
    reason = ", because this clone is shallow: git fetch --unshallow" if shallow else ""
    message = (
        f"HEAD and {main} have no commit in common{reason}, or name one with --base (with make: "
        "BASE=...)"
    )
    raise BaseError(message)


def _commit(name: str) -> str:
    """Return the ID of a commit; nothing if it does not exist."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return _git(*arguments).decode().strip()


def _files(commit: str) -> Iterator[tuple[Path, bytes]]:
    """Yield the JSON files of both directories as of a commit."""
    listing = _git("ls-tree", "-z", "--name-only", commit, f"{TEMPLATES}/", f"{PARAMETERS}/")
    for name in os.fsdecode(listing).split("\0"):
        if name.endswith(".json"):
            yield Path(name), _git("show", f"{commit}:{name}")


def _git(*arguments: str) -> bytes:
    """Run git and return its output, which is empty if it finds nothing.

    Raises:
        BaseError: There is no git or no repository.

    """
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        message = "git is not installed: name two files instead, such as old.json new.json"
        raise BaseError(message) from None
    if done.returncode not in {0, 1}:
        first, *_ = done.stderr.decode(errors="replace").strip().splitlines() or ["git has failed"]
        message = (
            f"{first.removeprefix('fatal: ')}: name two files instead, such as old.json new.json"
        )
        raise BaseError(message)
    return done.stdout
