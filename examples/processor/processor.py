"""An HTTP server that answers a request once its readings are stored."""

import argparse
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from aiohttp import web

from readings import NotAReadingError, parse
from storage import Cache, Database, Login, UnavailableError

LOG = logging.getLogger("processor")

VARIABLES = (
    "DB_HOST",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PORT",
    "DB_SECRET_ARN",
    "DB_USERNAME",
    "REDIS_AUTH_TOKEN",
    "REDIS_HOST",
    "REDIS_PORT",
)
BODY_BYTES = 1024 * 1024
RETRY_SECONDS = "5"
KEEP_ALIVE_SECONDS = 75
"""Longer than the load balancer's 60 seconds, so that it never reuses a closed connection."""
STOP_SECONDS = 20
"""ECS kills a task 30 seconds after SIGTERM."""

DATABASE = web.AppKey("database", Database)
CACHE = web.AppKey("cache", Cache)


class ConfigurationError(Exception):
    """A variable is missing or invalid; the message is one line that names it."""


def application(variables: Mapping[str, str]) -> web.Application:
    """Return the application, configured by the variables of the task.

    Raises:
        ConfigurationError: when a variable is missing or invalid.

    """
    if missing := [name for name in VARIABLES if not variables.get(name)]:
        msg = f"not set: {', '.join(missing)}"
        raise ConfigurationError(msg)
    app = web.Application(client_max_size=BODY_BYTES)
    app[DATABASE] = Database(
        host=variables["DB_HOST"],
        port=_port(variables, "DB_PORT"),
        name=variables["DB_NAME"],
        login=Login(
            username=variables["DB_USERNAME"],
            password=variables["DB_PASSWORD"],
            secret_arn=variables["DB_SECRET_ARN"],
        ),
    )
    app[CACHE] = Cache(
        host=variables["REDIS_HOST"],
        port=_port(variables, "REDIS_PORT"),
        auth_token=variables["REDIS_AUTH_TOKEN"],
    )
    app.cleanup_ctx.append(_connections)
    app.router.add_get("/", health)
    app.router.add_post("/ingest", ingest)
    return app


def _port(variables: Mapping[str, str], name: str) -> int:
    text = variables[name]
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        msg = f"{name} is not a port: {text!r}"
        raise ConfigurationError(msg)
    return int(text)


async def _connections(app: web.Application) -> AsyncIterator[None]:
    LOG.info("started")
    yield
    await app[DATABASE].close()
    await app[CACHE].close()
    LOG.info("stopped")


async def health(request: web.Request) -> web.Response:
    """Answer whether readings can be stored."""
    try:
        await request.app[DATABASE].check()
    except UnavailableError as error:
        return _unavailable(error)
    return web.json_response({"message": "ready"})


async def ingest(request: web.Request) -> web.Response:
    """Store all readings of the body or none."""
    try:
        readings = parse(await request.read())
    except NotAReadingError as error:
        return web.json_response({"message": str(error)}, status=400)
    try:
        stored, newest = await request.app[DATABASE].store(readings)
    except UnavailableError as error:
        return _unavailable(error)
    await request.app[CACHE].offer(newest)
    return web.json_response({"received": len(readings), "stored": stored})


def _unavailable(error: UnavailableError) -> web.Response:
    LOG.error("the database is not available: %s", error)
    return web.json_response(
        {"message": "the database is not available"},
        status=503,
        headers={"Retry-After": RETRY_SECONDS},
    )


class JsonLines(logging.Formatter):
    """A JSON object for each record, which CloudWatch Logs can query by field."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, then finish the pending requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 Of the container.
    parser.add_argument("--port", default=8080, type=int)
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        app = application(os.environ)
    except ConfigurationError as error:
        sys.exit(f"processor: {error}")
    web.run_app(
        app,
        host=options.host,
        port=options.port,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        print=None,
        shutdown_timeout=STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
