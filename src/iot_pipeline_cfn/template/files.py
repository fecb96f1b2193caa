"""Reading JSON files and logs, and writing files atomically."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


class UnreadableFileError(Exception):
    """A file, or a place in it such as `Parameters`, that cannot be read or has another format."""

    def __init__(self, path: Path, reason: str, place: str = "") -> None:
        """Keep the facts, and compose a message of one line."""
        super().__init__(f"{path}: {place} {reason}" if place else f"{path}: {reason}")
        self.path = path
        self.place = place
        self.reason = reason


def load_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UnreadableFileError: The file cannot be read or is not a JSON object.

    """
    try:
        return parse_object(path, path.read_bytes())
    except OSError as error:
        raise UnreadableFileError(path, str(error.strerror)) from None


def parse_object(path: Path, text: bytes) -> dict[str, Any]:
    """Return the JSON object in the text of a file.

    Raises:
        UnreadableFileError: The text is not a JSON object.

    """
    try:
        content = json.loads(text, object_pairs_hook=_unique_keys)
        # JSON can contain half of a surrogate pair, which no request to AWS can contain.
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise UnreadableFileError(path, "not JSON: nested too deeply") from None
    except ValueError as error:
        raise UnreadableFileError(path, f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UnreadableFileError(path, 'must be an object, such as {"Parameters": {...}}')
    return content


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        msg = f"duplicate key {repeated!r}"
        raise ValueError(msg)
    return content


def last_line(log: Path) -> str:
    """Return the last line of a log.

    Raises:
        OSError: The log cannot be read.

    """
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "the log is empty"


def write(path: Path, text: str) -> None:
    """Write a file completely or not at all; a file that has the text already is not touched.

    Raises:
        OSError: The file or its directory cannot be written.

    """
    content = text.encode()
    # Write to the target of a link instead of replacing the link.
    target = path.resolve()
    if target.is_file() and target.read_bytes() == content:
        return
    # The process ID keeps two writers apart.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():
            # A pipe or a terminal, which cannot be replaced.
            target.write_bytes(content)
            return
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
