"""Uploading templates: encryption, owner, Region and names in errors."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploying import made_up_session
from iot_pipeline_cfn.deploy.connection import Caller, Connection, Target
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.template_upload import upload

pytestmark = pytest.mark.slow  # A server answers.

ACCOUNT = "123456789012"


@contextmanager
def answering(status, code="", **headers):
    """Run an S3 with one answer; yield its URL and the headers of its requests."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            seen.append(dict(self.headers))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = code and f"<Error><Code>{code}</Code><Message>words</Message></Error>"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            """Keep stderr for the test."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()


@pytest.fixture
def send(monkeypatch):
    """A function that uploads a template, in a Region, to the S3 at a URL."""

    def send(url, region="eu-west-1", **options):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        connection = Connection(made_up_session(region), region, Target.AWS)
        connection.__dict__["caller"] = Caller(ACCOUNT, "arn")
        return upload(connection, "a-bucket", "key.json", "{}", **options)

    return send


@pytest.mark.parametrize(
    ("options", "encryption"),
    [
        ({}, ("AES256", None)),
        ({"kms_key": "alias/templates"}, ("aws:kms", "alias/templates")),
    ],
)
def test_template_is_sent_encrypted_to_a_bucket_of_the_account(send, options, encryption):
    with answering(200) as (url, seen):
        send(url, **options)
    (headers,) = seen
    assert headers["x-amz-expected-bucket-owner"] == ACCOUNT
    prefix = "x-amz-server-side-encryption"
    assert (headers[prefix], headers.get(f"{prefix}-aws-kms-key-id")) == encryption


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("us-east-1", "s3.us-east-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_url_is_one_that_cloudformation_reads(send, region, host):
    """Not that of an endpoint in the caller's network."""
    with answering(200) as (url, _):
        assert send(url, region) == f"https://{host}/a-bucket/key.json"


def test_bucket_in_another_region_is_refused(send):
    headers = {"x_amz_bucket_region": "us-west-2"}
    with (
        answering(301, "PermanentRedirect", **headers) as (url, _),
        pytest.raises(DeploymentError) as raised,
    ):
        send(url)
    assert raised.value.code == "bucket-elsewhere"
    assert raised.value.details == {"region": "us-west-2"}


def test_redirection_is_not_followed(send, monkeypatch):
    """Botocore signs and sends the template again, for the other Region."""

    def redirect(request_dict, **_):
        assert len(seen) == 1
        request_dict["context"]["signing"] = {"region": "us-west-2", "signing_name": "s3"}
        return 0

    create = Connection.client

    def client(connection, service):
        created = create(connection, service)
        created.meta.events.register_first("needs-retry.s3.PutObject", redirect)
        return created

    monkeypatch.setattr(Connection, "client", client)
    with answering(200) as (url, seen), pytest.raises(DeploymentError) as raised:
        send(url)
    assert raised.value.details == {"region": "us-west-2"}
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", (7, "access-denied", "s3://a-bucket/key.json")),
        (404, "NoSuchBucket", (1, "no-bucket", "aws s3 mb s3://a-bucket --region eu-west-1")),
    ],
)
def test_error_names_the_bucket_and_what_to_do(send, status, code, expected):
    with answering(status, code) as (url, _), pytest.raises(DeploymentError) as raised:
        send(url)
    exit_code, own_code, words = expected
    assert (raised.value.exit_code, raised.value.code) == (exit_code, own_code)
    assert words in str(raised.value)
