"""Updates during which requests are served, as on AWS.

ministack changes all resources of a stack without serving a request in between, so that no request
ever meets one resource after its change and another before it.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from ministack.services.cloudformation import stacks

from .resource_types import wrap
from .stack_events import UPDATE

TRAVERSED: Final = frozenset(
    {
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Stage",
        "AWS::EC2::SecurityGroup",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
    }
)
"""The types of resources through which requests come to the containers."""

SECONDS: Final = 0.01
"""How long a change of such a resource takes, in which requests are served."""


def patch() -> None:
    """Patch how resources are created, updated and deleted."""
    wrap(stacks, "_runs_on_worker_thread", serve_requests)
    for name in ("_provision_resource", "_update_resource", "_delete_resource"):
        wrap(stacks, name, take_time)


def serve_requests(is_on_thread: Callable[[str], bool]) -> Callable[[str], bool]:
    """Change resources on a thread, so that requests are served meanwhile."""

    def patched(resource_type: str) -> bool:
        return is_on_thread(resource_type) or _is_traversed(resource_type)

    return patched


def take_time(act: Callable[..., Any]) -> Callable[..., Any]:
    """Let the change of a resource take time; the resources that stay the same take none."""

    def patched(resource_type: str, reference: str, before: object, *rest: object) -> Any:
        result = act(resource_type, reference, before, *rest)
        if _is_traversed(resource_type) and before not in rest:
            time.sleep(SECONDS)
        return result

    return patched


def _is_traversed(resource_type: str) -> bool:
    return UPDATE.get() is not None and resource_type in TRAVERSED
