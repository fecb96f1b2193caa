"""Storage of readings: all of them in PostgreSQL, the newest of each device also in Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from login import Login, connection_parameters
from readings import Reading

LOG = logging.getLogger("processor")

CONNECTIONS = 4
CHECK_SECONDS = 4
STORE_SECONDS = 8
"""Together with the 10 seconds that psycopg may take to cancel, less than a task has to stop."""
CACHE_SECONDS = 1
CACHE_SECONDS_KEPT = 7 * 24 * 3600
"""ElastiCache by default evicts only keys that expire."""

Connection = psycopg.AsyncConnection[TupleRow]

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


class Database:
    """PostgreSQL, with a pool of up to four connections.

    psycopg's own pool lets requests wait while the server is down, and does not tell the reason.
    """

    def __init__(self, *, host: str, port: int, name: str, login: Login) -> None:
        """Store the parameters; the first request connects."""
        self._parameters = connection_parameters(host=host, port=port, name=name)
        self._login = login
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[Connection] = []

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
                        yield connection
                except BaseException:
                    await connection.close()
                    raise
                self._idle.append(connection)
        except (psycopg.Error, TimeoutError) as error:
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

    async def is_reachable(self) -> bool:
        """Return whether Redis answers."""
        try:
            async with asyncio.timeout(CACHE_SECONDS):
                return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
