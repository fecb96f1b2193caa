"""The local servers take the secrets of an environment, and hold its readings."""

import json

import psycopg
import pytest

from checkout import READING
from iot_pipeline_cfn.rehearsal.checks import CheckFailed
from iot_pipeline_cfn.rehearsal.stores import Stores


@pytest.fixture
def stores(empty_stores, connect_to):
    """The servers, with secrets in an account of the emulator."""
    connection = connect_to()
    secrets = {
        output: connection.secretsmanager.create_secret(Name=output, SecretString="{}")["ARN"]
        for output in ("DatabaseSecretArn", "CacheAuthTokenArn")
    }
    return Stores(connection, secrets, *empty_stores)


def put(stores, output, secret):
    stores.connection.secretsmanager.put_secret_value(
        SecretId=stores.outputs[output], SecretString=secret
    )


def test_servers_take_the_secrets(stores):
    for password in ("a'first", "a second"):
        login = {"username": "somebody", "password": password}
        put(stores, "DatabaseSecretArn", json.dumps(login))
        stores.update_password()
        assert log_in(stores.database, **login) == ("somebody", False)
    put(stores, "CacheAuthTokenArn", "a-token-of-the-environment")
    stores.update_auth_token()
    with stores.cache.connect() as client:
        assert client.ping()


def log_in(database, username, password):
    """Return the current user, and whether it is a superuser."""
    with psycopg.connect(
        dbname=database.name,
        host=database.host,
        password=password,
        port=database.port,
        sslrootcert=str(database.ca_file),
        user=username,
    ) as session:
        found = session.execute(
            "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        return found.fetchone()


@pytest.mark.parametrize("secret", ["{", "[]", '{"username": "somebody"}'])
def test_malformed_secret_is_reported_without_its_value(stores, secret):
    put(stores, "DatabaseSecretArn", secret)
    with pytest.raises(CheckFailed) as failure:
        stores.update_password()
    assert (failure.value.finding.code, failure.value.finding.details) == (
        "database-secret-malformed",
        {},
    )


def test_readings_are_found_as_they_were_sent(stores):
    with stores.database.connect() as session:
        session.execute(
            "CREATE TABLE readings (device_id text, taken_at timestamptz, measurements jsonb)"
        )
        measured = json.dumps(READING["measurements"])
        row = [READING["deviceId"], READING["timestamp"], measured]
        session.execute("INSERT INTO readings VALUES (%s, %s, %s)", row)
    with stores.cache.connect() as client:
        client.hset("newest:press-7", "measurements", measured)
    assert stores.count() == 1
    assert stores.has_stored(READING)
    assert not stores.has_stored(READING | {"measurements": {"temperature": 71.0}})
    assert stores.newest("press-7") == READING["measurements"]
    assert stores.newest("press-8") is None


def test_failing_store_is_reported_without_its_password(stores, monkeypatch):
    """The table does not exist, and the token is wrong."""
    with monkeypatch.context() as patch:
        patch.setattr(stores.cache, "auth_token", "guessed")
        for ask, store in ((stores.count, "PostgreSQL"), (lambda: stores.newest("a"), "Redis")):
            with pytest.raises(CheckFailed) as failure:
                ask()
            finding = failure.value.finding
            assert (finding.code, finding.details["store"]) == ("store-failed", store)
            assert "guessed" not in str(finding)
