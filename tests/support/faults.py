"""A proxy on the way to the embedded AWS that lets chosen requests go wrong."""

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
    """What a request asks for, by its signature and its body."""

    service: str
    action: str


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request: an error for an answer, or none, since the line drops.

    `errors` has status and code by service. `forwards` says whether the request is carried out, and
    `strikes` is called when that has been seen to.
    """

    name: str
    errors: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    message: str = "injected"
    forwards: bool = False
    strikes: Callable[[], None] = lambda: None

    def answer(self, request: Request) -> tuple[int, bytes] | None:
        """Return status and body of the answer, if there is one."""
        if not self.errors:
            return None
        status, code = self.errors[request.service]
        message = self.message.format(action=f"{request.service}:{request.action}")
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, BODIES[request.service].format(error=error).encode()


def everywhere(status: int, code: str) -> Mapping[str, tuple[int, str]]:
    return dict.fromkeys(BODIES, (status, code))


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
"""Whether the request of a number, counted from 1, goes wrong."""


def undisturbed(_number: int, _request: Request) -> bool:
    return False


@dataclass
class Proxy:
    """Where it listens, what has come through since it was told what to do, and what went wrong."""

    endpoint_url: str
    emulator: str
    fault: Fault = LOST
    chooses: Chooses = undisturbed
    requests: list[Request] = field(default_factory=list)
    struck: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def disturb(self, fault: Fault = LOST, chooses: Chooses = undisturbed) -> None:
        """Let the chosen requests go wrong from here on."""
        self.fault, self.chooses = fault, chooses
        self.requests, self.struck = [], []

    def fault_of(self, request: Request) -> Fault | None:
        """Count a request and return what goes wrong with it."""
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
    """A connection to the proxy, which ends where nobody asks any more."""

    protocol_version = "HTTP/1.1"
    timeout = 2
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Say nothing: stderr is the command's."""

    def handle_expect_100(self) -> bool:
        """Let the body of an upload come."""
        allowed = super().handle_expect_100()
        self.wfile.flush()
        return allowed

    def pass_on(self) -> None:
        """Do to a request what is wanted of it."""
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
        """Pass on what asks CloudFormation and EC2."""
        self.pass_on()

    def do_PUT(self) -> None:
        """Pass on what uploads to S3."""
        self.pass_on()

    def request_in(self, body: bytes) -> Request:
        scope = re.search(r"Credential=[^,]*", self.headers["Authorization"])[0].split("/")
        action = parse_qs(body.decode()).get("Action") if scope[3] != "s3" else None
        return Request(scope[3], action[0] if action else "PutObject")

    def forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Have the emulator carry a request out, and return its answer."""
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP
        }
        with closing(http.client.HTTPConnection(self.server.proxy.emulator)) as connection:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        # Whoever asked may be gone.
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def at(position: int, times: int = 1) -> Chooses:
    """Choose the request of a position, and those right after it."""
    return lambda number, _: position <= number < position + times


def from_(position: int) -> Chooses:
    """Choose the request of a position and all after it."""
    return lambda number, _: number >= position


def asking(action: str) -> Chooses:
    """Choose every request for an action."""
    return lambda _, request: request.action == action


def every_other(number: int, _request: Request) -> bool:
    """Choose the first attempt of each call, where the second one gets through."""
    return number % 2 == 1
