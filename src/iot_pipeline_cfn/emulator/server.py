"""The process of the emulator."""

import fcntl
import json
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from .control import HOST, START_SECONDS, description


def serve(directory: Path) -> None:
    """Serve until the process is told to end; describe it in its directory once it answers."""
    # Ends a start that hangs, since nobody else knows the process yet.
    signal.alarm(START_SECONDS)
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)
    # Not before its environment is complete.
    from .application import run

    run(listener.detach(), lambda: _describe(directory, port))


def _describe(directory: Path, port: int) -> Callable[[], bool]:
    """Write the description, which stays locked until the process ends.

    Return what says whether it is still there as it was written.
    """
    fields = {"port": port, "process_id": os.getpid(), "started": datetime.now(UTC).isoformat()}
    content = json.dumps(fields).encode()
    path = description(directory)
    unfinished = path.with_suffix(".tmp")
    # Left open, so that the end of the process is what unlocks it.
    file = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode=0o644)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.write(file, content)
    unfinished.replace(path)
    signal.alarm(0)
    return lambda: _stands(path, file, content)


def _stands(path: Path, file: int, content: bytes) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file)) and path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # That it cannot be read just now says nothing.
        return True
