"""The local servers in place of the database and the cache of an environment."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from redis.exceptions import RedisError

from iot_pipeline_cfn.deploy.connection import Connection

from .checks import CheckFailed
from .probe import Reading
from .servers import PostgreSQL, Redis


@dataclass(frozen=True)
class Stores:
    """PostgreSQL and Redis, with the secrets and in place of the addresses of an environment."""

    connection: Connection
    outputs: Mapping[str, str]
    database: PostgreSQL
    cache: Redis

    @property
    def replacements(self) -> dict[str, str]:
        """The local address or port for each one of the environment."""
        return {
            self.outputs["DatabaseEndpointAddress"]: self.database.host,
            self.outputs["DatabaseEndpointPort"]: str(self.database.port),
            self.outputs["CachePrimaryEndpointAddress"]: self.cache.host,
            self.outputs["CachePort"]: str(self.cache.port),
        }

    def update_password(self) -> None:
        """Set the password of the master user to the one in its secret, as RDS does."""
        try:
            login = json.loads(self._secret("DatabaseSecretArn"))
            name, password = login["username"], login["password"]
        except (LookupError, TypeError, ValueError):
            # Without the cause, which could quote the secret.
            raise CheckFailed("database-secret-malformed") from None
        with reported():
            self.database.set_master_user(name, password)

    def disconnect(self) -> None:
        """End the connections of containers, which must then know the password."""
        with reported():
            self.database.disconnect()

    def update_auth_token(self) -> None:
        """Set the AUTH token of the cache to that of its secret."""
        token = self._secret("CacheAuthTokenArn")
        with reported(), self.cache.connect() as client:
            client.config_set("requirepass", token)
        self.cache.auth_token = token

    def count(self) -> int:
        """Return the number of readings in the database."""
        with reported(), self.database.connect() as session:
            row = session.execute("SELECT count(*) FROM readings").fetchone()
        return int(row[0]) if row else 0

    def has_stored(self, reading: Reading) -> bool:
        """Return whether the database has a reading as it was sent."""
        with reported(), self.database.connect() as session:
            found = session.execute(
                "SELECT measurements FROM readings WHERE device_id = %s AND taken_at = %s",
                [reading["deviceId"], reading["timestamp"]],
            ).fetchall()
        return found == [(reading["measurements"],)]

    def newest(self, device: str) -> dict[str, float] | None:
        """Return the measurements that the cache has of a device, if any."""
        with reported(), self.cache.connect() as client:
            held = client.hget(f"newest:{device}", "measurements")
        return dict(json.loads(held)) if isinstance(held, str) else None

    def _secret(self, output: str) -> str:
        secrets = self.connection.secretsmanager
        return secrets.get_secret_value(SecretId=self.outputs[output])["SecretString"]


@contextmanager
def reported() -> Iterator[None]:
    """Report store errors without text that may contain a password."""
    try:
        yield
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        raise CheckFailed("store-failed", store="PostgreSQL", reason=reason) from None
    except RedisError as error:
        raise CheckFailed("store-failed", store="Redis", reason=type(error).__name__) from None
