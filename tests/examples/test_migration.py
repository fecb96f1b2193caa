"""The migration of the example with PostgreSQL and the emulator."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors

from iot_pipeline_cfn.rehearsal.checks import CheckFailed
from migration import LOCK
from processing import wait_for

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"


@pytest.fixture(scope="module", autouse=True)
def migrated(migration):
    migration().run()


@pytest.fixture
def log_in(database, application):
    """A function that logs in as the application."""

    def connect(password=None):
        return psycopg.connect(
            autocommit=True,
            dbname=database.name,
            host=database.host,
            password=password or application.password,
            port=database.port,
            sslrootcert=str(database.ca_file),
            user="processor",
        )

    return connect


def test_application_inserts_and_reads(log_in):
    with log_in() as session:
        session.execute("INSERT INTO readings VALUES ('press-7', now(), '{}')")
        assert session.execute("SELECT device_id FROM readings").fetchall() == [("press-7",)]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE iot PASSWORD 'guessed'",
        "ALTER TABLE readings ADD COLUMN more text",
        "CREATE DATABASE another",
        "CREATE ROLE another",
        "CREATE SCHEMA another",
        "CREATE TABLE another ()",
        "CREATE TEMPORARY TABLE another ()",
        "DELETE FROM readings",
        "DROP TABLE readings",
        "GRANT iot TO processor",
        "SET ROLE iot",
        "TRUNCATE readings",
        "UPDATE readings SET measurements = '{}'",
    ],
)
def test_application_may_do_nothing_else(log_in, statement):
    with log_in() as session, pytest.raises(errors.InsufficientPrivilege):
        session.execute(statement)


def test_repeated_migration_keeps_readings_and_sets_the_new_password(
    migration, application, log_in, sql
):
    sql("INSERT INTO readings VALUES ('press-8', now(), '{}')")
    before, former = sql("SELECT * FROM readings"), application.password
    application.rotate()
    with log_in(former) as running:
        migration().run()
        # The connections of tasks that run outlast the change.
        assert running.execute("SELECT count(*) FROM readings").fetchone() == (len(before),)
    log_in().close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        log_in(former)
    assert sql("SELECT * FROM readings") == before


def test_migrations_that_start_together_succeed(migration, database, sql):
    sql("DROP TABLE readings")
    sql("DROP OWNED BY processor")
    sql("DROP ROLE processor")
    with database.connect() as other, ThreadPoolExecutor() as threads:
        with other.transaction():
            other.execute(LOCK)
            runs = [threads.submit(migration().run) for _ in range(3)]
            wait_for(lambda: len(sql(WAITING)) == 3)
        for run in runs:
            run.result()
    assert sql("SELECT count(*) FROM readings") == [(0,)]


def test_migration_that_waited_sets_the_newest_password(
    migration, application, database, log_in, sql
):
    """Its task may have started before the rotation."""
    with database.connect() as other, ThreadPoolExecutor() as threads:
        with other.transaction():
            other.execute(LOCK)
            run = threads.submit(migration().run)
            wait_for(lambda: sql(WAITING))
            application.rotate()
        run.result()
    log_in().close()


def test_server_logs_no_password(migration, application, database, sql):
    sql("ALTER DATABASE iotdb SET log_statement = 'all'")
    try:
        migration().run()
    finally:
        sql("ALTER DATABASE iotdb RESET log_statement")
    logged = (database.directory / "log").read_text()
    assert 'ALTER ROLE "processor" LOGIN PASSWORD \'SCRAM-SHA-256$' in logged
    assert application.password not in logged


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"DB_MASTER_USERNAME": ""}, "processor: not set: DB_MASTER_USERNAME"),
        ({"DB_MASTER_PASSWORD": "guessed"}, 'password authentication failed for user "iot"'),
        ({"DB_HOST": "localhost"}, "does not match host name"),
        (
            {"DB_SECRET_ARN": "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:none"},
            "processor: the secret of the database cannot be read: ResourceNotFoundException",
        ),
    ],
)
def test_failed_migration_ends_with_one_line(migration, others, reason):
    failed = migration(**others)
    with pytest.raises(CheckFailed) as error:
        failed.run()
    assert error.value.finding.details["status"] == 1
    (line,) = failed.logged().splitlines()
    assert reason in line
