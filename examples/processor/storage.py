"""Storage of readings: all of them in PostgreSQL, the newest of each device also in Redis."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.rows import TupleRow
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from readings import Reading

LOG = logging.getLogger("processor")

CONNECTIONS = 4
CONNECT_SECONDS = 3
CHECK_SECONDS = 4
"""The health check of the load balancer times out after 5 seconds."""
STORE_SECONDS = 8
"""Together with the 10 seconds that psycopg may take to cancel, less than a task has to stop."""
CACHE_SECONDS = 1
CACHE_SECONDS_KEPT = 7 * 24 * 3600
"""ElastiCache by default evicts only keys that expire."""

Connection = psycopg.AsyncConnection[TupleRow]

# Tasks that start together would otherwise create the table together, and all but one would fail.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('readings'))"
TABLE = """
CREATE TABLE IF NOT EXISTS readings (
    device_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    measurements jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, taken_at)
)
"""
INSERT = """
INSERT INTO readings (device_id, taken_at, measurements)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::jsonb[])
ON CONFLICT DO NOTHING
"""
NEWEST = """
SELECT
    device_id,
    to_char(taken_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    measurements::text
FROM unnest(%s::text[]) AS given (device_id)
CROSS JOIN LATERAL (
    SELECT taken_at, measurements
    FROM readings
    WHERE readings.device_id = given.device_id
    ORDER BY taken_at DESC
    LIMIT 1
) AS newest
"""
# Times have the same length and zone, so that their order as text is their order in time.
KEEP_NEWER = """
for number, key in ipairs(KEYS) do
    local timestamp, measurements = ARGV[2 * number], ARGV[2 * number + 1]
    local held = redis.call('HGET', key, 'timestamp')
    if not held or held < timestamp then
        redis.call('HSET', key, 'timestamp', timestamp, 'measurements', measurements)
    end
    redis.call('EXPIRE', key, ARGV[1])
end
"""


class UnavailableError(Exception):
    """PostgreSQL is unreachable or has failed; the message says why."""


@dataclass(frozen=True)
class Newest:
    """The newest reading of a device, as PostgreSQL has it."""

    device_id: str
    timestamp: str
    measurements: str


class Login:
    """The credentials of PostgreSQL, and the secret that has them after a rotation."""

    def __init__(self, *, username: str, password: str, secret_arn: str) -> None:
        """Start with the credentials that the task got when it started."""
        self.credentials = {"user": username, "password": password}
        self._secret_arn = secret_arn

    async def read_again(self) -> None:
        """Read the secret."""
        try:
            secret = json.loads(await asyncio.to_thread(self._read))
            credentials = {"user": secret["username"], "password": secret["password"]}
        except (BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
            # Without its text, which could quote the secret.
            LOG.warning("the secret of the database cannot be read: %s", type(error).__name__)
            return
        if credentials != self.credentials:
            self.credentials = credentials
            LOG.info("the password of the database has changed and was read again")

    def _read(self) -> str:
        client = boto3.client(
            "secretsmanager",
            region_name=self._secret_arn.split(":")[3],
            config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2}),
        )
        return str(client.get_secret_value(SecretId=self._secret_arn)["SecretString"])


class Database:
    """PostgreSQL, with a pool of up to four connections.

    psycopg's own pool lets requests wait while the server is down, and does not tell the reason.
    """

    def __init__(self, *, host: str, port: int, name: str, login: Login) -> None:
        """Store the parameters; the first request connects."""
        self._parameters: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "dbname": name,
            "host": host,
            "port": port,
            # After a failover, the kernel would wait for the old server for minutes.
            "tcp_user_timeout": 3000,
            "sslmode": os.environ.get("PGSSLMODE", "verify-full"),
        }
        self._login = login
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[Connection] = []
        self._has_table = False

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            await connection.close()

    async def check(self) -> None:
        """Check that PostgreSQL answers.

        Raises:
            UnavailableError: when it does not.

        """
        async with self._transaction(CHECK_SECONDS) as connection:
            await connection.execute("SELECT 1")

    async def store(self, readings: Sequence[Reading]) -> tuple[int, list[Newest]]:
        """Store readings in one transaction; return the number of new ones and the newest ones.

        A stored reading with the same device and time is kept. The newest reading in PostgreSQL is
        returned for each device among the given readings.

        Raises:
            UnavailableError: when none was stored, or the outcome is unknown.

        """
        # In one order, so that overlapping batches do not deadlock.
        ordered = sorted(readings)
        devices = [reading.device_id for reading in ordered]
        times = [reading.taken_at for reading in ordered]
        measurements = [reading.measurements for reading in ordered]
        async with self._transaction(STORE_SECONDS) as connection:
            inserted = await connection.execute(INSERT, (devices, times, measurements))
            newest = await connection.execute(NEWEST, (sorted(set(devices)),))
            rows = await newest.fetchall()
        return inserted.rowcount, [Newest(*row) for row in rows]

    @asynccontextmanager
    async def _transaction(self, seconds: float) -> AsyncIterator[Connection]:
        """Yield a connection, and commit its transaction in the end."""
        try:
            async with asyncio.timeout(seconds), self._slots:
                connection = await self._acquire()
                try:
                    async with connection.transaction():
                        if not self._has_table:
                            await connection.execute(LOCK)
                            await connection.execute(TABLE)
                        yield connection
                except BaseException:
                    await connection.close()
                    raise
                self._idle.append(connection)
                self._has_table = True
        except (psycopg.Error, TimeoutError) as error:
            # The next server may be a new database.
            self._has_table = False
            # Further lines can quote the data.
            reason = str(error).partition("\n")[0] or f"no answer within {seconds} s"
            raise UnavailableError(reason) from None

    async def _acquire(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if await _is_alive(connection):
                return connection
        return await self._connect()

    async def _connect(self) -> Connection:
        """Return a new connection; if the login fails, read the secret again first."""
        used = self._login.credentials
        try:
            return await self._open(used)
        except psycopg.OperationalError as error:
            # Only a server that asked for a password has rejected it.
            if error.pgconn is None or not error.pgconn.used_password:
                raise
            await self._login.read_again()
            # Another connection may have read the secret in the meantime.
            if self._login.credentials == used:
                raise
        return await self._open(self._login.credentials)

    async def _open(self, credentials: dict[str, str]) -> Connection:
        return await psycopg.AsyncConnection.connect(
            autocommit=True, **(self._parameters | credentials)
        )


async def _is_alive(connection: Connection) -> bool:
    """Return whether an idle connection still works; close it otherwise."""
    is_alive = False
    try:
        await connection.execute("SELECT 1")
        is_alive = True
    except psycopg.OperationalError:
        pass
    finally:
        if not is_alive:
            await connection.close()
    return is_alive


class Cache:
    """Redis, which has the newest reading of each device under `newest:<device>`.

    An unreachable cache is not an error. The next reading of a device updates it, because it gets
    the newest reading in PostgreSQL and not the one that has just arrived.
    """

    def __init__(self, *, host: str, port: int, auth_token: str) -> None:
        """Store the parameters; the first request connects."""
        self._redis = Redis(
            host=host,
            port=port,
            password=auth_token,
            # Verified by the authorities that OpenSSL trusts; SSL_CERT_FILE can name others.
            ssl=True,
            retry=Retry(NoBackoff(), 1),
        )
        self._keep_newer = self._redis.register_script(KEEP_NEWER)
        self._reached = True

    async def offer(self, newest: Sequence[Newest]) -> None:
        """Replace older readings in the cache."""
        keys = [f"newest:{reading.device_id}" for reading in newest]
        values = [text for reading in newest for text in (reading.timestamp, reading.measurements)]
        reached = True
        try:
            async with asyncio.timeout(CACHE_SECONDS):
                await self._keep_newer(keys, [CACHE_SECONDS_KEPT, *values])
        except (RedisError, OSError, TimeoutError) as error:
            reached = False
            if self._reached:
                kind = type(error).__name__
                LOG.warning("the cache is unavailable, readings are stored: %s: %s", kind, error)
        if reached and not self._reached:
            LOG.info("the cache is available again")
        self._reached = reached

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
