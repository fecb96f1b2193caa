"""The emulator's process: `python -m iot_pipeline_cfn.emulator <directory> <description>`.

The description is an inherited file descriptor, locked until the process ends.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from .control import HOST, START_SECONDS, description_of

GRACE_SECONDS = 0.2
"""How long a stop waits for clients that keep their connections open."""
CHECK_SECONDS = 1
"""How often the process checks that its description is still there."""


async def run(directory: Path, description: int) -> None:
    """Serve until SIGTERM or SIGINT, or until the description is gone."""
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]
    # ministack reads its environment when it is imported.
    os.environ["GATEWAY_PORT"] = str(port)
    from ministack.app import app

    from .extensions import extend

    extend()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = GRACE_SECONDS
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    fields = {"port": port, "process_id": os.getpid(), "started": datetime.now(UTC).isoformat()}
    content = json.dumps(fields).encode()

    async def until_unwanted() -> None:
        """Describe the emulator, which now answers, until it is stopped or cannot be found."""
        os.write(description, content)
        signal.alarm(0)
        while not stopped.is_set() and is_found(description_of(directory), description, content):
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), CHECK_SECONDS)
        os.ftruncate(description, 0)

    await serve(app, config, shutdown_trigger=until_unwanted)
    # A thread that still waits would hold the process, and there is nothing to save.
    os._exit(0)


def is_found(path: Path, description: int, content: bytes) -> bool:
    """Return whether the description is where it was written, unchanged."""
    try:
        same = os.path.samestat(path.stat(), os.fstat(description))
        return same and path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # It may be readable again at the next check.
        return True


if __name__ == "__main__":
    # Ends a start that hangs: no other process knows this one yet.
    signal.alarm(START_SECONDS)
    inherited = int(sys.argv[2])
    os.set_inheritable(inherited, False)
    asyncio.run(run(Path(sys.argv[1]), inherited))
