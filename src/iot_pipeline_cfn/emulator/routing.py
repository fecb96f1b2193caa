"""Requests to APIs, load balancers and the template bucket, whichever account they come from.

On AWS, the name of an API or a load balancer leads to it from anywhere. Here it has to lead back to
this process, which then has to find the resource in any account and region, because a request need
not carry credentials.
"""

import asyncio
import copy
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request

from ministack.core import responses
from ministack.services import acm, alb, apigateway, apigateway_v1, s3
from ministack.services.cloudformation import stacks

from .control import HOST, TEMPLATE_BUCKET
from .resource_types import Answer, wrap

LOAD_BALANCERS = ".elb.amazonaws.com"
INTEGRATION_HEADER = "integration.request.header."
API_URL = re.compile(r"https://(\w+)\.execute-api\.[^/]+/")

CALL: Final[ContextVar[Mapping[str, Any]]] = ContextVar("call")
"""The request to an API, with its stage, as ministack collects it."""

DEPLOYED: Final[dict[str, Mapping[str, Any]]] = {}
"""The resources of an API with their methods, by the ID of their deployment."""

AnswerOfApi = tuple[int, dict[str, str], bytes]


def patch() -> None:
    """Patch the lookups of ministack."""
    apigateway_v1.find_api_scope = find_api
    apigateway_v1._urlopen_async = call_integration
    wrap(stacks, "_resolve_stack_outputs", name_reachable_apis)
    wrap(apigateway_v1, "_execute_in_scope", keep_call)
    wrap(apigateway_v1, "_create_deployment", keep_deployed)
    wrap(apigateway_v1, "_match_resource_tree", serve_deployed)
    wrap(apigateway_v1, "_invoke_http_proxy_v1", map_headers)
    wrap(socket, "getaddrinfo", resolve_load_balancers)
    wrap(alb, "find_lb_for_host", find_load_balancer)
    wrap(s3, "_bucket_owner_account", own_template_bucket)


async def call_integration(request: Request, seconds: float) -> AnswerOfApi:
    """Return the answer of an integration, an error like any other.

    ministack reads the body of an error on its event loop. Where the loop has to send that body
    too, because a load balancer is the integration, both wait for each other.
    """
    request = to_listener(request)

    def call() -> AnswerOfApi:
        try:
            status, headers, body = apigateway._urlopen_sync(request, seconds)
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers.items()), error.read()
        return status, headers, body

    return await asyncio.to_thread(call)


def to_listener(request: Request) -> Request:
    """Return a request over HTTPS as one to the listener that has a certificate for its host.

    ministack has no TLS, resolves no stage variable in an address, and asks the DNS. It takes the
    port of a listener from the header Host.
    """
    variables = CALL.get()["stage"].get("variables") or {}
    host = request.host.removeprefix("${stageVariables.").removesuffix("}")
    domain = variables.get(host, host)
    for listener in alb._listeners.values():
        for certificate in listener.get("Certificates", []):
            known = acm._certificates.get(certificate, {})
            if request.type == "https" and known.get("DomainName") == domain:
                name = alb._lbs[listener["LoadBalancerArn"]]["DNSName"]
                headers = {**request.headers, "Host": f"{name}:{listener['Port']}"}
                url, method = f"http://{name}{request.selector}", request.get_method()
                return Request(url, request.data, headers, method=method)
    return request


def name_reachable_apis(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Make the outputs of stacks name the URLs at which APIs answer here, as they do on AWS."""
    here = rf"http://{HOST}:{os.environ['GATEWAY_PORT']}/_aws/execute-api/\1/"

    def patched(*given: Any) -> Any:
        outputs, exports = resolve(*given)
        for output in outputs:
            output["OutputValue"] = API_URL.sub(here, output["OutputValue"])
        return outputs, exports

    return patched


def keep_call(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Keep the request for `map_headers`, to which ministack does not give the stage."""

    async def patched(request: Mapping[str, Any], *rest: Any) -> Any:
        CALL.set(request)
        return await execute(request, *rest)

    return patched


def keep_deployed(create: Callable[..., Answer]) -> Callable[..., Answer]:
    """Keep the methods that a deployment contains; ministack keeps none."""

    def patched(api: str, request: Mapping[str, Any]) -> Answer:
        answer = create(api, request)
        identifier = json.loads(answer[2]).get("id")
        DEPLOYED[identifier] = copy.deepcopy(apigateway_v1._resources.get(api, {}))
        return answer

    return patched


def serve_deployed(
    match: Callable[..., tuple[Mapping[str, Any], Mapping[str, str]]],
) -> Callable[..., tuple[Mapping[str, Any], Mapping[str, str]]]:
    """Serve the methods of the stage's deployment; ministack serves the newest ones."""

    def patched(api: str, path: list[str]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        resource, parameters = match(api, path)
        call = CALL.get({})
        stage = apigateway_v1._stages_v1.get(api, {}).get(call.get("stage_name"), {})
        deployed = DEPLOYED.get(stage.get("deploymentId", ""), {})
        return deployed.get((resource or {}).get("id", ""), resource), parameters

    return patched


def map_headers(
    invoke: Callable[..., Awaitable[AnswerOfApi]],
) -> Callable[..., Awaitable[AnswerOfApi]]:
    """Set the headers that an HTTP integration maps; ministack maps nothing but the path."""

    async def patched(
        integration: Mapping[str, Any], path: str, method: str, headers: dict[str, str], *rest: Any
    ) -> AnswerOfApi:
        sources = {
            name.removeprefix(INTEGRATION_HEADER).lower(): source
            for name, source in integration.get("requestParameters", {}).items()
            if name.startswith(INTEGRATION_HEADER)
        }
        mapped = {
            name: value
            for name, source in sources.items()
            if (value := apigateway_v1._gateway_request_value(source, CALL.get())) is not None
        }
        kept = {name: value for name, value in headers.items() if name.lower() not in mapped}
        return await invoke(integration, path, method, kept | mapped, *rest)

    return patched


def find_api(api: str) -> tuple[str, str] | None:
    """Return the account and the region of an API; ministack looks in the caller's account only."""
    scopes = (scope for scope, _ in apigateway_v1._rest_apis.all_items())
    return next((scope[:2] for scope in scopes if scope[2] == api), None)


def resolve_load_balancers(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Resolve the names of load balancers to this process; ministack asks the DNS."""

    def patched(host: object, port: object, *rest: int, **named: int) -> object:
        if isinstance(host, str) and host.lower().endswith(LOAD_BALANCERS):
            return resolve(HOST, int(os.environ["GATEWAY_PORT"]), *rest, **named)
        return resolve(host, port, *rest, **named)

    return patched


def find_load_balancer(
    find: Callable[[str], Mapping[str, Any] | None],
) -> Callable[[str], Mapping[str, Any] | None]:
    """Find a load balancer by its name; ministack looks in the caller's account only."""

    def patched(host: str) -> Mapping[str, Any] | None:
        name = host.split(":", maxsplit=1)[0].lower()
        for (account, region, _), load_balancer in list(alb._lbs._data.items()):
            if load_balancer["DNSName"].lower() == name:
                # ministack then looks up listeners and targets of the same account and region.
                responses._request_account_id.set(account)
                responses._request_region.set(region)
        return find(host)

    return patched


def own_template_bucket(owner: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """Create a template bucket in each account on its first use; ministack has none."""

    def patched(bucket: str) -> str | None:
        if bucket != TEMPLATE_BUCKET:
            return owner(bucket)
        if bucket not in s3._buckets:
            created = responses.now_iso()
            s3._buckets[bucket] = {
                "created": created,
                "objects": {},
                "region": responses.get_region(),
            }
        return str(responses.get_account_id())

    return patched
