"""Regional REST APIs: an environment has one. Their quota cannot be raised.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
"""

from collections.abc import Iterator

from .checking import Finding, Subject
from .consumption import Holder, Quota

CODE = "rest-apis"

QUOTA = Quota.of(CODE)

OTHERS = frozenset({"EDGE", "PRIVATE"})
"""Types of endpoints that have quotas of their own."""

PAGE = 500
"""https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApis.html"""


def look(subject: Subject) -> Iterator[Finding]:
    """Compare the API that a change set creates with those that are left."""
    needed = subject.new("AWS::ApiGateway::RestApi")
    if not needed:
        return
    paginator = subject.connection.apigateway.get_paginator("get_rest_apis")
    holders = [
        Holder(f"{api['name']} {api['id']}", api.get("tags", {}))
        for page in paginator.paginate(PaginationConfig={"PageSize": PAGE})
        for api in page.get("items", [])
        if OTHERS.isdisjoint(api.get("endpointConfiguration", {}).get("types", []))
    ]
    yield from QUOTA.findings(subject, needed, holders, ["deleting one that nothing needs"])
