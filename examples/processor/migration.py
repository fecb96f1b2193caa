"""The migration of the database, which ends before the processor of the same task starts.

It logs in as the master user. It creates the table and the role of the processor, which can read
and insert readings and nothing else, and sets the password of that role to the one in its secret.
"""

from typing import Any

import psycopg
from psycopg import sql

from login import read_secret

SECRET_SECONDS = 10

# Tasks that start together would otherwise create the same things, and all but one would fail.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('migration'))"
TABLE = """
CREATE TABLE IF NOT EXISTS readings (
    device_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    measurements jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, taken_at)
)
"""
# PostgreSQL lets every role connect, and create temporary tables.
GRANTS = """
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT SELECT, INSERT ON readings TO {role};
"""


def migrate(parameters: dict[str, Any], secret_arn: str) -> None:
    """Migrate the database to which the parameters log in as the master user.

    Everything is done in one transaction, and can be done again.

    Raises:
        psycopg.Error: when the database is unreachable or refuses.
        SecretError: when the secret of the processor cannot be read.

    """
    with psycopg.connect(**parameters) as connection:
        connection.execute(LOCK)
        connection.execute(TABLE)
        # Not before the lock: a task that started earlier could then set an older password.
        login = read_secret(secret_arn, SECRET_SECONDS)
        role = sql.Identifier(login["user"])
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [login["user"]])
        # Statements can be logged, so the server gets the password as it stores it.
        verifier = connection.pgconn.encrypt_password(
            login["password"].encode(), login["user"].encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("ALTER" if found.rowcount else "CREATE"),
                role,
                sql.Literal(verifier.decode()),
            )
        )
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL(GRANTS).format(database=database, role=role))
