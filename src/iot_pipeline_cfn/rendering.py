"""From a template to the text of its file, and from files to what is stale about them."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from troposphere import Template

from .stacks import TEMPLATES

DIFFERENCES_SHOWN = 12


@dataclass(frozen=True)
class Rendering:
    """The text of a template's file, and what it holds."""

    text: str
    resources: int
    parameters: int
    outputs: int
    bytes_sent: int
    """The size of the body in a call of CloudFormation, which takes it without white space."""


def render(template: Template) -> Rendering:
    """Return a template as JSON: two spaces, sorted keys, one newline at the end."""
    body = template.to_dict()
    return Rendering(
        text=json.dumps(body, indent=2, sort_keys=True) + "\n",
        resources=len(body["Resources"]),
        parameters=len(body.get("Parameters", {})),
        outputs=len(body.get("Outputs", {})),
        bytes_sent=len(json.dumps(body, separators=(",", ":")).encode()),
    )


def render_all() -> dict[str, Rendering]:
    """Return every template of the registry, rendered, by the name of its file without `.json`."""
    return {name: render(build()) for name, build in TEMPLATES.items()}


def write(path: Path, text: str) -> None:
    """Put the text into a file, whole or not at all; a file that has it already is left alone.

    Raises:
        OSError: when the file or its directory cannot be written.

    """
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return
    # The process id keeps two writers apart.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        unfinished.unlink(missing_ok=True)


def stale(directory: Path, renderings: Mapping[str, Rendering]) -> Iterator[tuple[Path, list[str]]]:
    """Yield each file that is not as rendered, with its first differences.

    A file that no template is rendered to any more is stale too.

    Raises:
        OSError: when a file is there and cannot be read.

    """
    for name, rendering in renderings.items():
        path = directory / f"{name}.json"
        if not path.is_file():
            yield path, ["is missing"]
        elif (current := path.read_bytes()) != rendering.text.encode():
            yield path, _differences(current.decode(errors="replace"), rendering.text)
    for path in sorted(directory.glob("*.json")):
        if path.stem not in renderings:
            yield path, ["no template is rendered to it"]


def _differences(current: str, rendered: str) -> list[str]:
    # Slow to import, and needed only where something is stale.
    from difflib import unified_diff  # noqa: PLC0415

    lines = unified_diff(
        current.splitlines(), rendered.splitlines(), "committed", "rendered", n=1, lineterm=""
    )
    return list(islice(lines, DIFFERENCES_SHOWN)) or ["differs in its line ends"]
