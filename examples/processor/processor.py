"""An HTTP server that answers a request once its readings are stored, and its migration."""

import argparse
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

import psycopg
from aiohttp import web

from login import Login, SecretError, connection_parameters
from migration import migrate
from readings import NotAReadingError, parse
from storage import Cache, Database, UnavailableError

LOG = logging.getLogger("processor")

DATABASE_VARIABLES = ("DB_HOST", "DB_NAME", "DB_PORT", "DB_SECRET_ARN")
VARIABLES = (
    *DATABASE_VARIABLES,
    *("DB_PASSWORD", "DB_USERNAME", "REDIS_AUTH_TOKEN", "REDIS_HOST", "REDIS_PORT"),
)
MIGRATION_VARIABLES = (*DATABASE_VARIABLES, "DB_MASTER_PASSWORD", "DB_MASTER_USERNAME")
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
    _require(variables, VARIABLES)
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
    app.router.add_get("/", alive)
    app.router.add_get("/ready", ready)
    app.router.add_post("/ingest", ingest)
    return app


def migrate_database(variables: Mapping[str, str]) -> None:
    """Migrate the database, configured by the variables of the task's migration.

    Raises:
        ConfigurationError: when a variable is missing or invalid.
        psycopg.Error: when the database is unreachable or refuses.
        SecretError: when the secret of the processor cannot be read.

    """
    _require(variables, MIGRATION_VARIABLES)
    address = connection_parameters(
        host=variables["DB_HOST"], port=_port(variables, "DB_PORT"), name=variables["DB_NAME"]
    )
    master = {
        "user": variables["DB_MASTER_USERNAME"],
        "password": variables["DB_MASTER_PASSWORD"],
    }
    migrate(address | master, variables["DB_SECRET_ARN"])
    LOG.info("the database is migrated")


def _require(variables: Mapping[str, str], names: Sequence[str]) -> None:
    if missing := sorted(name for name in names if not variables.get(name)):
        msg = f"not set: {', '.join(missing)}"
        raise ConfigurationError(msg)


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


async def alive(_: web.Request) -> web.Response:
    """Answer that the process works: a new one would not make the database available."""
    return web.json_response({"message": "alive"})


async def ready(request: web.Request) -> web.Response:
    """Answer whether database and cache are available."""
    try:
        await request.app[DATABASE].check()
    except UnavailableError as error:
        return _unavailable(error)
    if not await request.app[CACHE].is_reachable():
        return web.json_response({"message": "the cache is not available"}, status=503)
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
    """Migrate the database, or serve until SIGTERM and then finish the pending requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["migrate", "serve"], default="serve", nargs="?")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 Of the container.
    parser.add_argument("--port", default=8080, type=int)
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        if options.command == "migrate":
            migrate_database(os.environ)
            return
        app = application(os.environ)
    except (ConfigurationError, SecretError, psycopg.Error) as error:
        # Further lines can quote the data.
        reason, *_ = str(error).splitlines()
        sys.exit(f"processor: {reason}")
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
