"""Where readings go: all to PostgreSQL, which is the truth, and each device's newest to Redis."""

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
"""The load balancer waits 5 seconds for an answer to its health check."""
STORE_SECONDS = 8
"""With the 10 seconds that psycopg may take to cancel, less than a task has to end."""
CACHE_SECONDS = 1
CACHE_SECONDS_KEPT = 7 * 24 * 3600
"""Only what expires can make room for something else, as ElastiCache is set up by default."""

Connection = psycopg.AsyncConnection[TupleRow]

# Tasks that start at once would otherwise create the table at once, and all but one would fail.
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
# Times of the same length in the same zone: their text is in the order of time.
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
    """PostgreSQL cannot be reached, or does not do as it is told; the message says why."""


@dataclass(frozen=True)
class Newest:
    """The newest reading of a device, as PostgreSQL has it."""

    device_id: str
    timestamp: str
    measurements: str


class Login:
    """User and password of PostgreSQL, and the secret that has them once they have changed."""

    def __init__(self, *, username: str, password: str, secret_arn: str) -> None:
        """Begin with what the task was given when it started."""
        self.credentials = {"user": username, "password": password}
        self._secret_arn = secret_arn

    async def read_again(self) -> None:
        """Read the secret."""
        try:
            secret = json.loads(await asyncio.to_thread(self._read))
            credentials = {"user": secret["username"], "password": secret["password"]}
        except (BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
            # Without its text, which could quote what was read.
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
    """PostgreSQL, with up to four connections, which are kept.

    psycopg's own pool would let a request wait where nobody answers, and then not say why.
    """

    def __init__(self, *, host: str, port: int, name: str, login: Login) -> None:
        """Connect to nothing yet."""
        self._parameters: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "dbname": name,
            "host": host,
            "port": port,
            # After a failover, those who waited for the old one would wait for minutes.
            "tcp_user_timeout": 3000,
            "sslmode": os.environ.get("PGSSLMODE", "verify-full"),
        }
        self._login = login
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[Connection] = []
        self._has_table = False

    async def close(self) -> None:
        """Disconnect."""
        for connection in self._idle:
            await connection.close()

    async def check(self) -> None:
        """Return once PostgreSQL has answered.

        Raises:
            UnavailableError: when it does not.

        """
        async with self._transaction(CHECK_SECONDS) as connection:
            await connection.execute("SELECT 1")

    async def store(self, readings: Sequence[Reading]) -> tuple[int, list[Newest]]:
        """Store readings in one transaction, and return how many were new, and what is newest.

        A reading whose device and time are there already is left as it is. What is newest is said
        for each device that has a reading among these, as PostgreSQL has it now.

        Raises:
            UnavailableError: when none was stored, or nobody knows.

        """
        # In one order: two batches that overlap would else wait for each other.
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
        """Give a connection, whose transaction is committed at the end."""
        try:
            async with asyncio.timeout(seconds), self._slots:
                connection = await self._take()
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
            # What answers next may be a new database.
            self._has_table = False
            # Of several lines, those that follow can quote what was to be stored.
            reason = str(error).partition("\n")[0] or f"no answer within {seconds} s"
            raise UnavailableError(reason) from None

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if await _lives(connection):
                return connection
        return await self._connect()

    async def _connect(self) -> Connection:
        """Return a new connection; where the login fails, after the secret was read again."""
        used = self._login.credentials
        try:
            return await self._open(used)
        except psycopg.OperationalError as error:
            # Where nobody answers, nobody has asked for a password.
            if error.pgconn is None or not error.pgconn.used_password:
                raise
            await self._login.read_again()
            # Not what was read now: another connection may have read it meanwhile.
            if self._login.credentials == used:
                raise
        return await self._open(self._login.credentials)

    async def _open(self, credentials: dict[str, str]) -> Connection:
        return await psycopg.AsyncConnection.connect(
            autocommit=True, **(self._parameters | credentials)
        )


async def _lives(connection: Connection) -> bool:
    """Return whether a connection that was kept still works; else it is closed."""
    lives = False
    try:
        await connection.execute("SELECT 1")
        lives = True
    except psycopg.OperationalError:
        pass
    finally:
        if not lives:
            await connection.close()
    return lives


class Cache:
    """Redis, which has the newest reading of each device under `newest:<device>`.

    A cache that cannot be reached is no error. What it misses, the device's next reading makes
    good, because what it is given is the newest that PostgreSQL has, and not what has just come.
    """

    def __init__(self, *, host: str, port: int, auth_token: str) -> None:
        """Connect to nothing yet."""
        self._redis = Redis(
            host=host,
            port=port,
            password=auth_token,
            # Verified against what OpenSSL trusts, which SSL_CERT_FILE can name.
            ssl=True,
            retry=Retry(NoBackoff(), 1),
        )
        self._keep_newer = self._redis.register_script(KEEP_NEWER)
        self._reached = True

    async def offer(self, newest: Sequence[Newest]) -> None:
        """Take readings over where they are newer than what is there."""
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
                LOG.warning("the cache is not reached, readings are stored: %s: %s", kind, error)
        if reached and not self._reached:
            LOG.info("the cache is reached again")
        self._reached = reached

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
