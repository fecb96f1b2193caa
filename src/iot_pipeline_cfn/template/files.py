"""Files that are there whole, or not at all, and what a log says last."""

import os
from contextlib import suppress
from pathlib import Path


def last_line(log: Path) -> str:
    """Return the last line of a log that has one to say, for the person who wonders what happened.

    Raises:
        OSError: when the log cannot be read.

    """
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it says nothing"


def write(path: Path, text: str) -> None:
    """Put the text into a file, whole or not at all; a file that has it already is left alone.

    Raises:
        OSError: when the file or its directory cannot be written.

    """
    content = text.encode()
    # What a link leads to is written, and not a file in the link's place.
    target = path.resolve()
    if target.is_file() and target.read_bytes() == content:
        return
    # The process id keeps two writers apart.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():
            # A pipe or a terminal, which nothing can take the place of.
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
