"""Requests to the API of an environment, on AWS or in the local AWS emulator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from .connection import Connection

TIMEOUT_SECONDS = 30
"""API Gateway itself gives up after 29."""


@dataclass(frozen=True)
class Answer:
    """An answer of the API."""

    status: int
    body: str


class Ingest:
    """`POST /ingest` of one environment, which its outputs lead to."""

    def __init__(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        """Send requests over a connection to the API that the outputs name."""
        self._connection = connection
        self._outputs = outputs

    @cached_property
    def _headers(self) -> dict[str, str]:
        """The API key of the environment as a header, if it has one."""
        if key := self._outputs.get("ApiKeyId"):
            answer = self._connection.apigateway.get_api_key(apiKey=key, includeValue=True)
            return {"x-api-key": answer["value"]}
        return {}

    def post(self, body: bytes, *, authorized: bool = True) -> Answer:
        """Send a body and return the answer; without an API key, the request is signed.

        Raises:
            OSError: when there is no answer.
            NoCredentialsError: when there are no credentials to sign with.

        """
        url = urlsplit(self._outputs["ApiInvokeUrl"])
        headers = {"Content-Type": "application/json", "Host": url.netloc}
        if authorized:
            headers |= self._headers or self._signature(body)
        client = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = client(str(url.hostname), url.port, timeout=TIMEOUT_SECONDS)
        return _send(connection, url.path, body, headers)

    def bypass(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body to the load balancer, without the API, and return the answer.

        Raises:
            OSError: when there is no answer, such as with private ingress.

        """
        host = self._outputs["LoadBalancerDnsName"]
        endpoint = urlsplit(self._connection.endpoint_url or f"http://{host}")
        client = HTTPConnection(str(endpoint.hostname), endpoint.port, timeout=TIMEOUT_SECONDS)
        content = {"Content-Type": "application/json", "Host": host}
        return _send(client, "/ingest", body, {**content, **headers})

    def send(self, *readings: Mapping[str, object]) -> Answer:
        """Send one reading, or several as a batch, and return the answer."""
        return self.post(json.dumps(readings[0] if len(readings) == 1 else readings).encode())

    def _signature(self, body: bytes) -> dict[str, str]:
        """Return the headers of a request with the signature of IAM authorization."""
        request = AWSRequest("POST", self._outputs["ApiInvokeUrl"], data=body)
        credentials = self._connection.session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        SigV4Auth(credentials, "execute-api", self._connection.region).add_auth(request)
        return dict(request.headers.items())


def _send(client: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        client.request("POST", path, body, headers)
        response = client.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
    finally:
        client.close()
