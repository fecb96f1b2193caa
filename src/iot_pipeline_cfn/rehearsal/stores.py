"""The servers that stand for the database and the cache of an environment."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict

import psycopg
from psycopg import sql
from redis import Redis as Client
from redis.exceptions import RedisError

from iot_pipeline_cfn.deploy.connection import Connection

from .servers import PostgreSQL, Redis

TIMEOUT_SECONDS = 10


class StoreError(Exception):
    """PostgreSQL or Redis does not do as it is asked; the message is one line that says why."""


class Reading(TypedDict):
    """What a sensor sends."""

    deviceId: str
    timestamp: str
    measurements: dict[str, float]


@dataclass(frozen=True)
class Stores:
    """PostgreSQL and Redis, with the secrets and under the addresses of one environment."""

    connection: Connection
    outputs: Mapping[str, str]
    database: PostgreSQL
    cache: Redis

    @property
    def elsewhere(self) -> dict[str, str]:
        """Return what stands here for each address of the environment."""
        return {
            self.outputs["DatabaseEndpointAddress"]: self.database.host,
            self.outputs["DatabaseEndpointPort"]: str(self.database.port),
            self.outputs["CachePrimaryEndpointAddress"]: self.cache.host,
            self.outputs["CachePort"]: str(self.cache.port),
        }

    def take_password(self) -> None:
        """Give the database the password of its secret, and end who has logged in before.

        RDS does the first when it rotates. It ends nobody; but who goes on with a connection would
        not show that the new password is known.
        """
        try:
            login = json.loads(self._secret("DatabaseSecretArn"))
            name, password = login["username"], login["password"]
        except (LookupError, TypeError, ValueError):
            # Without the cause, which could quote the secret.
            message = "the database's secret is not JSON with username and password"
            raise StoreError(message) from None
        with self._connect() as session:
            role = session.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).rowcount
            session.execute(
                sql.SQL("{} ROLE {} SUPERUSER LOGIN PASSWORD {}").format(
                    sql.SQL("ALTER" if role else "CREATE"),
                    sql.Identifier(name),
                    sql.Literal(password),
                )
            )
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        self.database.username, self.database.password = name, password

    def take_auth_token(self) -> None:
        """Give the cache the AUTH token of its secret."""
        token = self._secret("CacheAuthTokenArn")
        with self._client() as client:
            client.config_set("requirepass", token)
        self.cache.auth_token = token

    def stored(self) -> int:
        """Return how many readings the database has."""
        with self._connect() as session:
            row = session.execute("SELECT count(*) FROM readings").fetchone()
        return int(row[0]) if row else 0

    def has_stored(self, reading: Reading) -> bool:
        """Return whether the database has a reading, as it was sent."""
        with self._connect() as session:
            found = session.execute(
                "SELECT measurements FROM readings WHERE device_id = %s AND taken_at = %s",
                [reading["deviceId"], reading["timestamp"]],
            ).fetchall()
        return found == [(reading["measurements"],)]

    def newest(self, device: str) -> dict[str, float] | None:
        """Return the measurements that the cache has of a device, if any."""
        with self._client() as client:
            held = client.hget(f"newest:{device}", "measurements")
        return dict(json.loads(held)) if isinstance(held, str) else None

    def _secret(self, output: str) -> str:
        secrets = self.connection.secretsmanager
        return secrets.get_secret_value(SecretId=self.outputs[output])["SecretString"]

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        try:
            with psycopg.connect(
                autocommit=True,
                connect_timeout=TIMEOUT_SECONDS,
                dbname=self.database.name,
                host=self.database.host,
                password=self.database.password,
                port=self.database.port,
                sslmode="verify-full",
                sslrootcert=str(self.database.ca_file),
                user=self.database.username,
            ) as session:
                yield session
        except psycopg.Error as error:
            # Lines that follow can quote the statement, and a password with it.
            message = f"PostgreSQL: {str(error).partition(chr(10))[0]}"
            raise StoreError(message) from None

    @contextmanager
    def _client(self) -> Iterator[Client]:
        try:
            with Client(
                decode_responses=True,
                host=self.cache.host,
                password=self.cache.auth_token,
                port=self.cache.port,
                socket_timeout=TIMEOUT_SECONDS,
                ssl=True,
                ssl_ca_certs=str(self.cache.ca_file),
            ) as client:
                yield client
        except RedisError as error:
            message = f"Redis: {type(error).__name__}"
            raise StoreError(message) from None
