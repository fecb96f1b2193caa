"""The credentials of the processor in PostgreSQL, and its secret in Secrets Manager."""

import asyncio
import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOG = logging.getLogger("processor")

CONNECT_SECONDS = 3
SECRET_SECONDS = 2
"""A request waits for it."""


class SecretError(Exception):
    """The secret cannot be read; the message does not quote it."""


class Login:
    """The credentials of PostgreSQL, and the secret that has them after a rotation."""

    def __init__(self, *, username: str, password: str, secret_arn: str) -> None:
        """Start with the credentials that the task got when it started."""
        self.credentials = {"user": username, "password": password}
        self._secret_arn = secret_arn

    async def read_again(self) -> None:
        """Read the secret."""
        try:
            credentials = await asyncio.to_thread(read_secret, self._secret_arn, SECRET_SECONDS)
        except SecretError as error:
            LOG.warning("%s", error)
            return
        if credentials != self.credentials:
            self.credentials = credentials
            LOG.info("the password of the database has changed and was read again")


def read_secret(arn: str, seconds: float) -> dict[str, str]:
    """Return the credentials that a secret has now; try twice, and wait so many seconds each time.

    Raises:
        SecretError: when it cannot be read.

    """
    try:
        client = boto3.client(
            "secretsmanager",
            region_name=arn.split(":")[3],
            config=Config(
                connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 2}
            ),
        )
        secret = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        return {"user": str(secret["username"]), "password": str(secret["password"])}
    except (BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
        # Without its text, which could quote the secret.
        msg = f"the secret of the database cannot be read: {type(error).__name__}"
        raise SecretError(msg) from None


def connection_parameters(*, host: str, port: int, name: str) -> dict[str, Any]:
    """Return the parameters of connections to a database, without credentials."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "dbname": name,
        "host": host,
        "port": port,
        # After a failover, the kernel would wait for the old server for minutes.
        "tcp_user_timeout": 3000,
        "sslmode": os.environ.get("PGSSLMODE", "verify-full"),
    }
