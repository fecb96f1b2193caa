"""PostgreSQL and Redis of a rehearsal: on loopback, behind TLS, and gone in the end."""

import contextlib
import os
import shutil
import socket
import ssl
from functools import partial
from pathlib import Path

import psycopg
import pytest

from iot_pipeline_cfn.rehearsal import servers
from iot_pipeline_cfn.rehearsal.checks import CheckFailed, StepSkipped

STARTERS = {
    "PostgreSQL": partial(servers.postgresql_server, "iotdb"),
    "Redis": servers.redis_server,
}


@pytest.mark.parametrize("start", STARTERS.values(), ids=STARTERS)
def test_exception_leaves_neither_process_nor_port_nor_file(start):
    kept = []

    def fail():
        with start() as server:
            kept.append(server)
            socket.create_connection((servers.HOST, server.port)).close()
            assert server.directory.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (server,) = kept
    assert server.process.returncode is not None
    assert not server.directory.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((servers.HOST, server.port))


@pytest.mark.parametrize("start", STARTERS.values(), ids=STARTERS)
def test_failed_start_has_a_reason(start):
    with start() as server:
        server.stop()
        with (
            socket.create_server((servers.HOST, server.port)),
            pytest.raises(CheckFailed) as error,
        ):
            server.start()
    assert error.value.finding.code == "server-failed"
    assert error.value.finding.details["reason"]
    assert server.process.returncode is not None
    assert not server.directory.exists()


def test_database_requires_tls_and_the_password():
    with servers.postgresql_server("iotdb") as database:
        address = {"host": database.host, "port": database.port, "dbname": database.name}
        address |= {"user": servers.SUPERUSER, "sslrootcert": str(database.ca_file)}
        for wrong, reason in (
            ({"sslmode": "disable", "password": database.password}, "no encryption"),
            ({"sslmode": "verify-full", "password": "guessed"}, "authentication failed"),
        ):
            with pytest.raises(psycopg.OperationalError, match=reason):
                psycopg.connect(**address, **wrong)


def test_cache_requires_tls_and_the_password():
    with servers.redis_server() as cache:
        assert ask(cache, b"PING") == b"-NOAUTH Authentication required.\r\n"
        assert ask(cache, f"AUTH {cache.auth_token}".encode()) == b"+OK\r\n"
        with socket.create_connection((cache.host, cache.port)) as plain:
            plain.sendall(b"PING\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(100).startswith((b"+", b"-"))


def ask(cache, command):
    context = ssl.create_default_context(cafile=cache.ca_file)
    with (
        socket.create_connection((cache.host, cache.port)) as plain,
        context.wrap_socket(plain, server_hostname=cache.host) as client,
    ):
        client.sendall(command + b"\r\n")
        return client.recv(100)


@pytest.mark.parametrize(("name", "start"), STARTERS.items(), ids=STARTERS)
def test_missing_server_is_named(name, start, monkeypatch):
    monkeypatch.setattr(servers, "_packaged", lambda *_: None)
    monkeypatch.setattr(Path, "glob", lambda *_: [])
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(StepSkipped) as error, start():
        pass
    assert error.value.finding.details["server"] == name


@pytest.mark.skipif(
    not (shutil.which("postgres") or Path("/usr/lib/postgresql").exists()),
    reason="there is no PostgreSQL on this machine",
)
def test_postgresql_of_the_machine_is_used_without_a_package(monkeypatch):
    monkeypatch.setattr(servers, "_packaged", lambda *_: None)
    with servers.postgresql_server("iotdb") as database:
        assert not database.binaries.is_relative_to(database.directory)
