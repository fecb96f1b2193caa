"""The text of a template's file, and the files that differ from their texts."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final

MAXIMUM_DIFFERENCES: Final = 12


@dataclass(frozen=True)
class Rendering:
    """A template as data, and as the text of its file."""

    body: Mapping[str, Any]
    text: str

    def count(self, section: str) -> int:
        """Return the number of entries in a section, such as `Resources`."""
        return len(self.body.get(section, {}))

    def bytes_sent(self) -> int:
        """Return the size of the template as it is sent to CloudFormation, without white space."""
        return len(json.dumps(self.body, separators=(",", ":")).encode())


def render(body: Mapping[str, Any]) -> Rendering:
    """Return a template as JSON: two spaces, sorted keys, one newline at the end."""
    return Rendering(body=body, text=json.dumps(body, indent=2, sort_keys=True) + "\n")


class Staleness(StrEnum):
    """The reason why a file is stale."""

    MISSING = "missing"
    DIFFERENT = "different"
    OBSOLETE = "obsolete"
    """Nothing is rendered to it."""


@dataclass(frozen=True)
class StaleFile:
    """A file that differs from its text, with the first lines of the difference."""

    path: Path
    reason: Staleness
    differences: tuple[str, ...] = ()


def find_stale_files(directory: Path, texts: Mapping[str, str]) -> Iterator[StaleFile]:
    """Yield the files in a directory that differ from the texts for their names.

    Raises:
        OSError: A file exists and cannot be read.

    """
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))
    for name, text in texts.items():
        path = directory / name
        if not path.exists():
            yield StaleFile(path, Staleness.MISSING)
        elif (current := path.read_bytes()) != text.encode():
            differences = _differences(current.decode(errors="replace"), text)
            yield StaleFile(path, Staleness.DIFFERENT, differences)
    suffixes = {Path(name).suffix for name in texts}
    for path in sorted(directory.glob("*.*")):
        if path.suffix in suffixes and path.name not in texts:
            yield StaleFile(path, Staleness.OBSOLETE)


def _differences(current: str, rendered: str) -> tuple[str, ...]:
    """Return the first lines of a diff; it is empty where only the line ends differ."""
    lines = unified_diff(
        current.splitlines(), rendered.splitlines(), "committed", "rendered", n=1, lineterm=""
    )
    return tuple(islice(lines, MAXIMUM_DIFFERENCES))
