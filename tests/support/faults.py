"""A proxy in front of the emulator that makes chosen requests fail."""

import http.client
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

HOP_BY_HOP = frozenset({"connection", "expect", "keep-alive", "transfer-encoding"})

BODIES = MappingProxyType(
    {
        "cloudformation": "<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>",
        "ec2": "<Response><Errors>{error}</Errors><RequestID>0</RequestID></Response>",
        "s3": "{error}",
    }
)
"""How each service wraps an error."""


@dataclass(frozen=True)
class Request:
    """The service and the action of a request."""

    service: str
    action: str
    role: str = ""
    """The service role of CloudFormation."""


@dataclass(frozen=True)
class Fault:
    """A failure of a request."""

    name: str
    errors: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The status and the code of the answer by service; empty if the connection drops."""
    message: str = "injected"
    forwards: bool = False
    """Whether the emulator still handles the request."""
    strikes: Callable[[], None] = lambda: None
    """A function that is called before the answer."""

    def __str__(self) -> str:
        """Return its name, for the name of a test."""
        return self.name

    def answer(self, request: Request) -> tuple[int, bytes] | None:
        """Return the status and the body of the answer, or None if the connection drops."""
        if not self.errors:
            return None
        # IAM and STS have the protocol of CloudFormation.
        service = request.service if request.service in BODIES else "cloudformation"
        status, code = self.errors[service]
        message = self.message.format(action=f"{request.service}:{request.action}")
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, BODIES[service].format(error=error).encode()


THROTTLED = Fault(
    "throttled",
    {
        "cloudformation": (400, "Throttling"),
        "ec2": (503, "RequestLimitExceeded"),
        "s3": (503, "SlowDown"),
    },
)
FAILED = Fault(
    "failed",
    {
        "cloudformation": (500, "InternalFailure"),
        "ec2": (500, "InternalError"),
        "s3": (500, "InternalError"),
    },
)
UNREACHED = Fault("connection dropped before")
LOST = Fault("answer lost", forwards=True)
EXPIRED = Fault(
    "expired",
    {
        "cloudformation": (403, "ExpiredToken"),
        "ec2": (400, "RequestExpired"),
        "s3": (400, "ExpiredToken"),
    },
    "The security token included in the request is expired",
)
UNKNOWN = Fault(
    "unknown",
    {
        "cloudformation": (403, "InvalidClientTokenId"),
        "ec2": (401, "AuthFailure"),
        "s3": (403, "InvalidAccessKeyId"),
    },
    "The security token included in the request is invalid.",
)
DENIED = Fault(
    "denied",
    {
        "cloudformation": (403, "AccessDenied"),
        "ec2": (403, "UnauthorizedOperation"),
        "s3": (403, "AccessDenied"),
    },
    "User: arn:aws:iam::123456789012:user/developer is not authorized to perform: {action} on "
    "resource: arn:aws:some:thing because no identity-based policy allows the {action} action",
)

Chooses = Callable[[int, Request], bool]
"""A function that returns whether a request fails; its number is counted from 1."""


def undisturbed(_number: int, _request: Request) -> bool:
    return False


@dataclass
class Proxy:
    """The address of the proxy, and its requests since the last call of `disturb`."""

    endpoint_url: str
    emulator: str
    fault: Fault = LOST
    chooses: Chooses = undisturbed
    requests: list[Request] = field(default_factory=list)
    struck: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def disturb(self, fault: Fault = LOST, chooses: Chooses = undisturbed) -> None:
        """Make the chosen requests fail from now on."""
        self.fault, self.chooses = fault, chooses
        self.requests, self.struck = [], []

    def fault_of(self, request: Request) -> Fault | None:
        """Record a request and return its fault, if any."""
        with self.lock:
            self.requests.append(request)
            if not self.chooses(len(self.requests), request):
                return None
            self.struck.append(request)
            return self.fault


@contextmanager
def proxy_to(endpoint_url: str) -> Iterator[Proxy]:
    """Run a proxy in threads of this process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.proxy = Proxy(
            f"http://127.0.0.1:{server.server_port}", urlsplit(endpoint_url).netloc
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.proxy
        server.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """A connection to the proxy, which closes when it is idle."""

    protocol_version = "HTTP/1.1"
    timeout = 2
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Keep stderr for the command."""

    def handle_expect_100(self) -> bool:
        """Flush the answer, so that the body of an upload follows."""
        allowed = super().handle_expect_100()
        self.wfile.flush()
        return allowed

    def pass_on(self) -> None:
        """Forward a request, or make it fail."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = self.request_in(body)
        fault = self.server.proxy.fault_of(request)
        if fault is None:
            self.reply(*self.forward(body))
            return
        if fault.forwards:
            self.forward(body)
        fault.strikes()
        answer = fault.answer(request)
        if answer is None:
            self.close_connection = True
        else:
            status, error = answer
            self.reply(status, {"Content-Type": "text/xml"}, error)

    def do_POST(self) -> None:
        """Handle requests to CloudFormation and EC2."""
        self.pass_on()

    def do_PUT(self) -> None:
        """Handle uploads to S3."""
        self.pass_on()

    def request_in(self, body: bytes) -> Request:
        scope = re.search(r"Credential=[^,]*", self.headers["Authorization"])[0].split("/")
        if scope[3] == "s3":
            return Request("s3", "PutObject")
        given = parse_qs(body.decode())
        return Request(scope[3], given["Action"][0], given.get("RoleARN", [""])[0])

    def forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Return the emulator's answer to the request."""
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP
        }
        with closing(http.client.HTTPConnection(self.server.proxy.emulator)) as connection:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        # The client may have closed the connection.
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def at(position: int, times: int = 1) -> Chooses:
    """Choose the request at a position and those right after it."""
    return lambda number, _: position <= number < position + times


def from_(position: int) -> Chooses:
    """Choose the request at a position and all after it."""
    return lambda number, _: number >= position


def asking(action: str) -> Chooses:
    """Choose every request of an action."""
    return lambda _, request: request.action == action


def every_other(number: int, _request: Request) -> bool:
    """Choose the first attempt of each call."""
    return number % 2 == 1
