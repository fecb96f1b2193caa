"""From a template to the text of its file, and from files to what is stale about them."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

DIFFERENCES_SHOWN = 12


@dataclass(frozen=True)
class Rendering:
    """A template as data, and as the text of its file."""

    body: Mapping[str, Any]
    text: str

    def count(self, section: str) -> int:
        """Return how many entries a section has, such as `Resources`."""
        return len(self.body.get(section, {}))

    def bytes_sent(self) -> int:
        """Return the size of the template as it is sent to CloudFormation, without white space."""
        return len(json.dumps(self.body, separators=(",", ":")).encode())


def render(body: Mapping[str, Any]) -> Rendering:
    """Return a template as JSON: two spaces, sorted keys, one newline at the end."""
    return Rendering(body=body, text=json.dumps(body, indent=2, sort_keys=True) + "\n")


def stale(directory: Path, texts: Mapping[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield each file that has not the text for its name, with its first differences.

    A file of the same kinds that there is no text for is stale too.

    Raises:
        OSError: when a file is there and cannot be read.

    """
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))
    for name, text in texts.items():
        path = directory / name
        if not path.exists():
            yield path, ["is missing: run make template"]
        elif (current := path.read_bytes()) != text.encode():
            yield path, _differences(current.decode(errors="replace"), text)
    kinds = {Path(name).suffix for name in texts}
    for path in sorted(directory.glob("*.*")):
        if path.suffix in kinds and path.name not in texts:
            yield path, ["nothing is rendered to it: remove it"]


def _differences(current: str, rendered: str) -> list[str]:
    # Slow to import, and needed only where something is stale.
    from difflib import unified_diff

    lines = unified_diff(
        current.splitlines(), rendered.splitlines(), "committed", "rendered", n=1, lineterm=""
    )
    shown = list(islice(lines, DIFFERENCES_SHOWN)) or ["differs in its line ends"]
    return ["run make template, or see why it changed:", *shown]
