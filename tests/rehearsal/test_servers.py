"""PostgreSQL and Redis of a rehearsal: on loopback, behind TLS, and gone at the end."""

import contextlib
import os
import shutil
import socket
import ssl
from pathlib import Path

import psycopg
import pytest

from iot_pipeline_cfn.rehearsal import servers

STARTERS = {"PostgreSQL": servers.postgresql, "Redis": servers.redis}


@pytest.mark.parametrize("start", STARTERS.values(), ids=STARTERS)
def test_nothing_is_left_after_an_exception(start):
    """Neither a process, nor a port, nor a file."""
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
def test_server_that_does_not_start_says_why(start):
    """Such as where its port was taken meanwhile."""
    with start() as server:
        server.stop()
        with (
            socket.create_server((servers.HOST, server.port)),
            pytest.raises(servers.ServerError, match=r"^a server does not start: "),
        ):
            server.start()
    assert server.process.returncode is not None
    assert not server.directory.exists()


def test_database_takes_nothing_but_tls_and_the_password():
    """On loopback, from whom knows it."""
    with servers.postgresql() as database:
        address = {"host": database.host, "port": database.port, "dbname": database.name}
        address |= {"user": database.username, "sslrootcert": str(database.ca_file)}
        for wrong, reason in (
            ({"sslmode": "disable", "password": database.password}, "no encryption"),
            ({"sslmode": "verify-full", "password": "guessed"}, "authentication failed"),
        ):
            with pytest.raises(psycopg.OperationalError, match=reason):
                psycopg.connect(**address, **wrong)


def test_cache_takes_nothing_but_tls_and_the_password():
    """On loopback, from whom knows it."""
    with servers.redis() as cache:
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
def test_server_that_is_missing_is_named(name, start, monkeypatch):
    """With what brings it."""
    monkeypatch.setattr(servers, "_packaged", lambda *_: None)
    monkeypatch.setattr(Path, "glob", lambda *_: [])
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(servers.ServerMissingError, match=f"^{name} is missing: .*install"), start():
        pass


@pytest.mark.skipif(
    not (shutil.which("postgres") or Path("/usr/lib/postgresql").exists()),
    reason="there is no PostgreSQL on this machine",
)
def test_own_postgresql_of_the_machine_does_as_well(monkeypatch):
    """Where no package has one for it."""
    monkeypatch.setattr(servers, "_packaged", lambda *_: None)
    with servers.postgresql() as database:
        assert not database.binaries.is_relative_to(database.directory)
