"""Requests to the API, with an API key or a signature."""

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from checkout import REGION
from iot_pipeline_cfn.deploy.connection import Connection, Target
from iot_pipeline_cfn.deploy.ingest import Answer, Ingest
from serving import serving


@pytest.fixture
def endpoint():
    """The URL of a server in place of the API, and the headers of its requests."""
    arrived = []

    def answer(path, headers, _body):
        arrived.append(dict(headers) | {"path": path})
        return 202, b""

    with serving(answer) as port:
        yield f"http://127.0.0.1:{port}", arrived


def ingest(url, *credentials):
    connection = Connection(boto3.Session(*credentials), REGION, Target.LOCAL, url)
    return Ingest(connection, {"ApiInvokeUrl": f"{url}/prod/ingest"})


def test_request_without_an_api_key_is_signed_if_it_is_authorized(endpoint):
    url, arrived = endpoint
    client = ingest(url, "any", "any")
    assert client.send({"a": 1}) == client.post(b"{}", authorized=False) == Answer(202, "")
    signed, bare = arrived
    scope = f"/{REGION}/execute-api/aws4_request"
    assert scope in signed["Authorization"]
    assert "Authorization" not in bare
    for request in arrived:
        assert url.endswith(request["Host"])
        assert (request["path"], request["Content-Type"]) == ("/prod/ingest", "application/json")


def test_signature_needs_credentials(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoCredentialsError):
        ingest(endpoint[0]).send({"a": 1})
