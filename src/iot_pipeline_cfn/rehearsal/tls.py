"""TLS for local servers: throwaway certificates, and a proxy for a server that has no TLS."""

import select
import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import trustme

POLL_SECONDS = 0.02
CHUNK_BYTES = 64 * 1024
"""More than a TLS record: nothing is left in a buffer that `select` does not see."""


def create_certificate(directory: Path, host: str) -> None:
    """Write a key, the certificate of a host, and the authority that has signed it."""
    authority = trustme.CA()
    certificate = authority.issue_cert(host)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    (directory / "key.pem").chmod(0o600)


class TlsProxy(socketserver.ThreadingTCPServer):
    """A proxy that accepts TLS and forwards to a Unix socket."""

    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], target: Path, directory: Path) -> None:
        """Listen on an address, with the certificate in a directory."""
        self._target = str(target)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
        self._clients: set[ssl.SSLSocket] = set()
        super().__init__(address, socketserver.BaseRequestHandler)
        # A daemon thread does not keep the process alive.
        threading.Thread(target=self.serve_forever, args=[POLL_SECONDS], daemon=True).start()

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept a connection; its own thread does the handshake, which may take for ever."""
        plain, address = super().get_request()
        client = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._clients.add(client)
        return client, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Forward bytes both ways until one end closes."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as upstream:
            request.do_handshake()
            upstream.connect(self._target)
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
        """End all connections and stop listening."""
        self.shutdown()
        for client in list(self._clients):
            # The thread of the connection then closes it.
            with suppress(OSError):
                socket.socket.shutdown(client, socket.SHUT_RDWR)
        self.server_close()
