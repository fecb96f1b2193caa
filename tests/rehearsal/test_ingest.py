"""Requests to the API, with an API key or a signature."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from checkout import REGION
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.rehearsal.ingest import Answer, Ingest

OUTPUTS = {"ApiInvokeUrl": f"https://abc.execute-api.{REGION}.amazonaws.com/prod/ingest"}


@pytest.fixture
def endpoint():
    """The URL of a server in place of the API, and the headers of its requests."""
    arrived = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            arrived.append(dict(self.headers) | {"path": self.path})
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}", arrived
        server.shutdown()


def ingest(url, *credentials):
    return Ingest(Connection(boto3.Session(*credentials), REGION, Target.LOCAL, url), OUTPUTS)


def test_request_without_an_api_key_is_signed_if_it_is_authorized(endpoint):
    url, arrived = endpoint
    client = ingest(url, "any", "any")
    assert client.send({"a": 1}) == client.post(b"{}", authorized=False) == Answer(202, "")
    signed, bare = arrived
    scope = f"/{REGION}/execute-api/aws4_request"
    assert scope in signed["Authorization"]
    assert "Authorization" not in bare
    for request in arrived:
        assert request["Host"].startswith("abc.execute-api.localhost:")
        assert (request["path"], request["Content-Type"]) == ("/prod/ingest", "application/json")


def test_signature_needs_credentials(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoCredentialsError):
        ingest(endpoint[0]).send({"a": 1})
