"""ministack, extended, as an application that a server runs.

ministack reads its environment when it is imported, and so does this module import it.
"""

import asyncio
import os
import traceback
from collections.abc import Callable

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from ministack.app import app

from .extensions import extend
from .templates import add_template_bucket

GRACE_SECONDS = 0.2
"""So long a stop waits for clients that keep their connections open."""
LOOK_SECONDS = 1
"""So often it is asked whether the emulator is still wanted."""


def run(listener: int, started: Callable[[], Callable[[], bool]]) -> None:
    """Serve on a listening socket, given by its file descriptor, until SIGTERM or SIGINT.

    `started` is called once requests are answered, and what it returns says whether to go on.
    """
    extend()
    add_template_bucket()
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.graceful_timeout = GRACE_SECONDS

    async def announced(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def announce(event: ASGISendEvent) -> None:
            await send(event)
            if event["type"] == "lifespan.startup.complete":
                _end_unless(_announced(started))

        await app(scope, receive, announce if scope["type"] == "lifespan" else send)

    async def until_told() -> None:
        await serve(announced, config)
        # What still waits in a thread would hold the process, and there is nothing to save.
        os._exit(0)

    asyncio.run(until_told())


def _announced(started: Callable[[], Callable[[], bool]]) -> Callable[[], bool]:
    """Tell that requests are answered; where that cannot be told, nobody would ever ask."""
    try:
        return started()
    except OSError:
        traceback.print_exc()
        os._exit(1)


def _end_unless(wanted: Callable[[], bool]) -> None:
    """End the process as soon as it is not wanted any more."""
    if not wanted():
        os._exit(0)
    asyncio.get_running_loop().call_later(LOOK_SECONDS, _end_unless, wanted)
