"""A server behind TLS."""

import socket
import ssl
import threading

import pytest

from iot_pipeline_cfn.rehearsal.tls import TlsProxy, create_certificate

HOST = "127.0.0.1"


@pytest.fixture
def proxy(tmp_path):
    """A proxy to a server that answers every request twice."""
    create_certificate(tmp_path, HOST)
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def answer():
            client, _ = server.accept()
            with client:
                while chunk := client.recv(65536):
                    client.sendall(chunk * 2)

        threading.Thread(target=answer, daemon=True).start()
        with TlsProxy((HOST, 0), tmp_path / "s", tmp_path) as proxy:
            yield proxy
            proxy.shutdown()


def connect(proxy, tmp_path, name):
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    plain = socket.create_connection(proxy.server_address)
    return context.wrap_socket(plain, server_hostname=name)


def test_bytes_travel_both_ways(proxy, tmp_path):
    with connect(proxy, tmp_path, HOST) as client:
        sent, received = b"x" * 200_000, b""
        threading.Thread(target=client.sendall, args=[sent]).start()
        while len(received) < 2 * len(sent):
            received += client.recv(65536)
    assert received == sent * 2


def test_certificate_is_that_of_the_host_and_its_key_is_private(proxy, tmp_path):
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(proxy, tmp_path, "example.com")
