"""Requests that ministack answers, or refuses, with something that AWS would never say.

They ask what an account may do and what AWS sells, which an emulator does not know. An answer that
is made up would be taken for AWS's, so each is refused with `NOT_AVAILABLE` as its error code.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json
from ministack.services import ec2

from .control import NOT_AVAILABLE
from .resource_types import Answer

Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True)
class Gap:
    """An operation that is refused, where request and answer contain what is given here."""

    service: str
    operation: bytes
    reason: str
    request: bytes = b""
    answer: bytes = b""


GAPS = (
    Gap("acm", b".DescribeCertificate", "certificates of AWS are unknown", answer=b"NotFound"),
    Gap("apigateway", b"/account", "it writes no access logs and needs no role for them"),
    Gap("ecr", b".DescribeImageScanFindings", "images are not scanned"),
    Gap("ecr", b".GetDownloadUrlForLayer", "images have no layers"),
    Gap("elasticache", b"=DescribeCacheEngineVersions", "the versions on sale are unknown"),
    Gap("elasticache", b"=DescribeReservedCacheNodesOfferings", "the nodes on sale are unknown"),
    Gap("iam", b"=ListRoles", "it needs no service-linked roles", request=b"aws-service-role"),
    Gap("rds", b"=DescribeOrderableDBInstanceOptions", "the classes on sale are unknown"),
)

ZONE_WITHOUT_NAT_GATEWAYS, ZONE_WITH_THEM = "apne1-az3", "apne1-az4"


def patch() -> None:
    """Refuse the gaps, answer for Service Quotas, and name zones as AWS does for most accounts."""
    for service in {gap.service for gap in GAPS}:
        gaps = [gap for gap in GAPS if gap.service == service]
        app.SERVICE_HANDLERS[service] = refuse_gaps(app.SERVICE_HANDLERS[service], gaps)
    app.SERVICE_HANDLERS["servicequotas"] = answer_no_quota
    zone_id = ec2._az_id_for_zone_name
    ec2._az_id_for_zone_name = lambda name: zone_id(name).replace(
        ZONE_WITHOUT_NAT_GATEWAYS, ZONE_WITH_THEM
    )


def refuse_gaps(handle: Handler, gaps: list[Gap]) -> Handler:
    """Refuse the gaps of a service, which ministack answers with made-up data or not at all."""

    async def patched(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        answer = await handle(method, path, headers, body, query)
        # The operation is in the path, in a header, or in the form, as the protocol has it.
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
    """Return the error, in XML for the query protocol and in JSON for the others."""
    message = f"not available in the emulator: {gap.reason}"
    if is_form:
        error = f"<Error><Code>{NOT_AVAILABLE}</Code><Message>{message}</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>"
        return 400, {"Content-Type": "text/xml"}, body.encode()
    answer: Answer = error_response_json(NOT_AVAILABLE, message)
    return answer


async def answer_no_quota(*_: object) -> Answer:
    """Answer that no quota is applied, so that AWS's defaults hold; ministack has no quotas."""
    answer: Answer = error_response_json("NoSuchResourceException", "no quota is applied", 400)
    return answer
