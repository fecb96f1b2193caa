"""Where both sides of a review come from: commits, the work tree, files."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from iot_pipeline_cfn.template.files import UnreadableFileError, load_object, parse_object
from iot_pipeline_cfn.template.parameters import load, parameter_file

from .reviewing import Side

TEMPLATES: Final = Path("templates")
PARAMETERS: Final = Path("parameters")
MAIN: Final = ("origin/main", "origin/HEAD", "main", "master")
"""What a branch is usually to be merged into."""


class BaseError(Exception):
    """Why there is nothing to compare with; the message says what to do."""


def work_tree() -> Side:
    """Return what is in `templates/` and `parameters/` of the current directory.

    Raises:
        UnreadableFileError: when one cannot be read, or there is no template.

    """
    templates = {path.stem: template_of(path) for path in sorted(TEMPLATES.glob("*.json"))}
    if not templates:
        raise UnreadableFileError(TEMPLATES, "no templates here")
    return Side(templates, {path.stem: load(path) for path in sorted(PARAMETERS.glob("*.json"))})


def committed(commit: str) -> Side:
    """Return what is in both directories as of a commit.

    Raises:
        BaseError: when the commit does not exist, or git does not work.
        UnreadableFileError: when a file cannot be read.

    """
    files = dict(_files(commit))
    contents = {path: parse_object(Path(f"{commit}:{path}"), text) for path, text in files.items()}
    return Side(
        {
            path.stem: _checked(Path(f"{commit}:{path}"), content)
            for path, content in contents.items()
            if path.parent == TEMPLATES
        },
        {
            path.stem: parameter_file(path, content)
            for path, content in contents.items()
            if path.parent == PARAMETERS
        },
    )


def template_of(path: Path) -> dict[str, Any]:
    """Read a template, whatever else it is about.

    Raises:
        UnreadableFileError: when it cannot be read, or is no template.

    """
    return _checked(path, load_object(path))


def _checked(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    resources = content.get("Resources")
    objects = ("Conditions", "Mappings", "Outputs", "Parameters", "Resources", "Rules")
    if not resources or not all(isinstance(content.get(name, {}), Mapping) for name in objects):
        raise UnreadableFileError(path, "is not a template with resources")
    return content


def base(named: str | None) -> str:
    """Return the commit that a review compares with.

    That is the one that is named, else where the current branch has left the main branch.

    Raises:
        BaseError: when there is none.

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
    why = ", because this clone is shallow: git fetch --unshallow" if shallow else ""
    message = (
        f"HEAD and {main} have no commit in common{why}, or name one with --base (with make: "
        "BASE=...)"
    )
    raise BaseError(message)


def _commit(name: str) -> str:
    """Return the id of a commit, or nothing where there is none of that name."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return _git(*arguments).decode().strip()


def _files(commit: str) -> Iterator[tuple[Path, bytes]]:
    """Yield the JSON files of both directories as of a commit."""
    listing = _git("ls-tree", "-z", commit, f"{TEMPLATES}/", f"{PARAMETERS}/")
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry]
    blobs = [(meta.split()[2], Path(name.decode(errors="replace"))) for meta, name in entries]
    blobs = [(blob, path) for blob, path in blobs if path.suffix == ".json"]
    answer = _git("cat-file", "--batch", given=b"".join(blob + b"\n" for blob, _ in blobs))
    for _, path in blobs:
        # Of each: its id, type and size in a line, then its content, then a line end.
        header, _, answer = answer.partition(b"\n")
        size = int(header.split()[2])
        yield path, answer[:size]
        answer = answer[size + 1 :]


def _git(*arguments: str, given: bytes | None = None) -> bytes:
    """Return what git says; nothing where it finds nothing.

    Raises:
        BaseError: when there is no git, or no repository.

    """
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, input=given)
    except FileNotFoundError:
        message = "git is not installed: name two files instead, such as old.json new.json"
        raise BaseError(message) from None
    if done.returncode not in {0, 1}:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["git has failed"]
        message = (
            f"{said[0].removeprefix('fatal: ')}: name two files instead, such as old.json new.json"
        )
        raise BaseError(message)
    return done.stdout
