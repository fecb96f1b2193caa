"""Files that are there whole, or not at all."""

import os
from contextlib import suppress
from pathlib import Path


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
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
