"""Requests to the API of an environment, on AWS or in the local AWS emulator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .cloudformation import Stack
from .connection import Connection
from .errors import DeploymentError
from .operations import Operations

TIMEOUT_SECONDS = 30
"""API Gateway itself gives up after 29."""

NO_CONTAINER: Final = frozenset({502, 503})
"""The load balancer has no target, or none that answers; API Gateway passes that on."""

MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "the API rejects the reading",
        403: "the API refuses the API key, or the caller lacks execute-api:Invoke",
        429: "the API throttles requests, by ThrottleRate and ThrottleBurst",
        502: "no container answers; see what they log",
        503: "no container answers; see what they log",
        504: "the container did not answer in time; see what it logs",
    }
)
"""What a status other than success means.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""


@dataclass(frozen=True)
class Answer:
    """An answer of the API."""

    status: int
    body: str

    @property
    def is_success(self) -> bool:
        """Whether the reading was accepted."""
        return 200 <= self.status < 300


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


def send_reading(operations: Operations, stack: Stack, device_id: str) -> Answer:
    """Send one reading of this moment and return the answer, which must be a success.

    The local AWS emulator runs no containers, so there it must only reach the load balancer.
    """
    outputs = stack.output_values
    if "ApiInvokeUrl" not in outputs:
        message = f"{stack.name} ({stack.status}) has no output ApiInvokeUrl to send a reading to"
        raise DeploymentError(message, code="no-api", stack=stack.name, status=stack.status)
    time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    reading = {"deviceId": device_id, "timestamp": time, "measurements": {"temperature": 21.5}}
    try:
        answer = Ingest(operations.connection, outputs).send(reading)
    except (OSError, HTTPException) as error:
        message = f"{outputs['ApiInvokeUrl']} does not answer: {error or type(error).__name__}"
        raise DeploymentError(message, ExitCode.NO_ACCESS, code="no-answer") from None
    if answer.is_success or (operations.connection.is_local and answer.status in NO_CONTAINER):
        return answer
    meaning = MEANINGS.get(answer.status, answer.body[:200])
    if answer.status in NO_CONTAINER and not stack.parameters.get(IMAGE_PARAMETER):
        meaning = "no task runs without an image; deploy one with --image (make: IMAGE=...)"
    message = f"the reading was not accepted: HTTP {answer.status}: {meaning}"
    raise DeploymentError(message, code="reading-not-accepted", status=answer.status)
