"""Requests that only AWS can answer, about an account and about the offers of its services.

ministack's answers would be taken for those of AWS, so each request is refused with the error code
`NOT_AVAILABLE`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json
from ministack.services import ec2

from .control import NOT_AVAILABLE
from .resource_types import Answer, wrap

Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True)
class Gap:
    """An operation that is refused if its request and its answer contain the given bytes."""

    service: str
    operation: bytes
    reason: str
    request: bytes = b""
    answer: bytes = b""


GAPS = (
    Gap("acm", b".DescribeCertificate", "certificates of AWS are unknown", answer=b"NotFound"),
    Gap("ecr", b".DescribeImageScanFindings", "images are not scanned"),
    Gap("ecr", b".GetAuthorizationToken", "it runs no containers; push by the calls of ECR"),
    Gap("ecr", b".GetDownloadUrlForLayer", "the layer was not pushed", answer=b"LayersNotFound"),
    Gap("elasticache", b"=DescribeCacheEngineVersions", "the versions on sale are unknown"),
    Gap("elasticache", b"=DescribeReservedCacheNodesOfferings", "the nodes on sale are unknown"),
    Gap("iam", b"=ListRoles", "it needs no service-linked roles", request=b"aws-service-role"),
    Gap("rds", b"=DescribeOrderableDBInstanceOptions", "the classes on sale are unknown"),
)


def patch() -> None:
    """Patch the handlers of services, and the IDs of availability zones."""
    for service in {gap.service for gap in GAPS}:
        gaps = [gap for gap in GAPS if gap.service == service]
        wrap(app.SERVICE_HANDLERS, service, partial(refuse_gaps, gaps=gaps))
    app.SERVICE_HANDLERS["servicequotas"] = answer_no_quota
    wrap(ec2, "_az_id_for_zone_name", name_usual_zones)


def refuse_gaps(handle: Handler, gaps: list[Gap]) -> Handler:
    """Refuse requests that ministack answers with made-up data or not at all."""

    async def patched(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        answer = await handle(method, path, headers, body, query)
        # Depending on the protocol, the operation is in the path, in a header or in the form.
        target = headers.get("x-amz-target", "").encode()
        operations = (path.encode(), target, *body.split(b"&"))
        for gap in gaps:
            if (
                any(operation.endswith(gap.operation) for operation in operations)
                and gap.request in body
                and gap.answer in answer[2]
            ):
                return refusal(gap, is_form=not target and method == "POST")
        return answer

    return patched


def refusal(gap: Gap, *, is_form: bool) -> Answer:
    """Return the error: in XML for the query protocol, in JSON for the others."""
    message = f"not available in the emulator: {gap.reason}"
    if is_form:
        error = f"<Error><Code>{NOT_AVAILABLE}</Code><Message>{message}</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>"
        return 400, {"Content-Type": "text/xml"}, body.encode()
    answer: Answer = error_response_json(NOT_AVAILABLE, message)
    return answer


def name_usual_zones(zone_id: Callable[[str], str]) -> Callable[[str], str]:
    """Map Tokyo's zone IDs as in most accounts, which lack the third zone."""
    return lambda name: zone_id(name).replace("apne1-az3", "apne1-az4")


async def answer_no_quota(*_: object) -> Answer:
    """Answer as AWS does for an account with the default quota; ministack has no quotas."""
    answer: Answer = error_response_json("NoSuchResourceException", "no quota is applied", 400)
    return answer
