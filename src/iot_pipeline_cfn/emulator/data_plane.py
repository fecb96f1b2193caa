"""The way of a request through an API and a load balancer to whatever listens behind them.

On AWS, the name of an API or a load balancer leads to it from anywhere. Here it has to lead back to
this process, which then has to find what is called so, whichever account and region it belongs to:
a request need not carry credentials.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from ministack.core import responses
from ministack.services import alb, apigateway, apigateway_v1

from .control import HOST

LOAD_BALANCERS = ".elb.amazonaws.com"


def correct() -> None:
    """Let names of load balancers lead to ministack, and let it find them and APIs."""
    apigateway_v1.find_api_scope = _find_api
    apigateway_v1._urlopen_async = _answer
    socket.getaddrinfo = _getaddrinfo(socket.getaddrinfo)
    alb.find_lb_for_host = _find_load_balancer(alb.find_lb_for_host)


async def _answer(request: Request, seconds: float) -> tuple[int, dict[str, str], bytes]:
    """Return what an integration answers, an error like any other answer.

    ministack reads the body of an error where it should do other things meanwhile, such as being
    the load balancer that sends the body: both would wait for each other.
    """

    def answered() -> tuple[int, dict[str, str], bytes]:
        try:
            status, headers, body = apigateway._urlopen_sync(request, seconds)
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers.items()), error.read()
        return status, headers, body

    return await asyncio.to_thread(answered)


def _find_api(api: str) -> tuple[str, str] | None:
    """Return the account and the region of an API, whoever calls it."""
    return next(
        (scope[:2] for scope, _ in apigateway_v1._rest_apis.all_items() if scope[2] == api), None
    )


def _getaddrinfo(released: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: object, port: object, *rest: int, **named: int) -> object:
        if isinstance(host, str) and host.lower().endswith(LOAD_BALANCERS):
            return released(HOST, int(os.environ["GATEWAY_PORT"]), *rest, **named)
        return released(host, port, *rest, **named)

    return getaddrinfo


def _find_load_balancer(
    released: Callable[[str], Mapping[str, Any] | None],
) -> Callable[[str], Mapping[str, Any] | None]:
    def find(host: str) -> Mapping[str, Any] | None:
        name = host.split(":", maxsplit=1)[0].lower()
        for (account, region, _), load_balancer in list(alb._lbs._data.items()):
            if load_balancer["DNSName"].lower() == name:
                # What comes after looks up listeners and targets of the same account and region.
                responses._request_account_id.set(account)
                responses._request_region.set(region)
        return released(host)

    return find
