"""Stack events of AWS that ministack does not send, for templates that ask for them.

The section `Metadata` of a template asks:

    {"Emulator": {"ConfigurationComplete": true, "Hook": {"Topic": "reason"}, "LateSeconds": 1}}

`ConfigurationComplete` sends that event of each resource and of the stack before they are complete,
`Hook` refuses a resource, and events are only seen `LateSeconds` after they happened.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from .resource_types import Answer, wrap
from .stack_events import Work

HOOK = "Emulator::Testing::Hook"
REFUSAL = f"The following hook(s) failed: [{HOOK}]"
FIELDS = ("OperationId", "HookType", "HookStatus", "HookStatusReason", "HookFailureMode")


@dataclass
class Request:
    """What the template of a running operation asks for, and the ID of the operation."""

    asked: Mapping[str, Any] = field(default_factory=dict)
    operation_id: str = field(default_factory=lambda: str(uuid4()))


REQUEST: ContextVar[Request | None] = ContextVar("REQUEST", default=None)


def patch() -> None:
    """Patch the events of operations, and how they are described."""
    wrap(stacks, "_add_event", add_requested_events)
    wrap(stacks, "_provision_resource", refuse_by_hook)
    wrap(handlers._ACTION_HANDLERS, "DescribeStackEvents", describe_requested_events)
    for module in (changesets, handlers):
        wrap(module, "_deploy_stack_async", track_request)


def track_request(deploy: Work) -> Work:
    """Record what the template of an operation asks for."""

    async def patched(
        name: str, stack: str, template: Any, *rest: object, **others: object
    ) -> None:
        REQUEST.set(Request(template.get("Metadata", {}).get("Emulator", {})))
        # The stack's own event that begins the operation.
        _complete(cloudformation._stack_events[stack][-1])
        await deploy(name, stack, template, *rest, **others)

    return patched


def add_requested_events(add_event: Callable[..., None]) -> Callable[..., None]:
    """Add the events that the template asks for before the event of their completion."""
    parameters = signature(add_event)

    @wraps(add_event)
    def patched(*arguments: str, **options: str) -> None:
        event = parameters.bind(*arguments, **options).arguments
        request = REQUEST.get()
        action, _, outcome = event["status"].partition("_")
        if outcome == "COMPLETE" and request and request.asked.get("ConfigurationComplete"):
            add_event(
                **event
                | {"status": f"{action}_IN_PROGRESS", "detailed_status": "CONFIGURATION_COMPLETE"}
            )
            _complete(cloudformation._stack_events[event["stack_id"]][-1])
        add_event(**event)
        _complete(cloudformation._stack_events[event["stack_id"]][-1])

    return patched


def _complete(event: dict[str, Any]) -> None:
    """Add to an event the ID of its operation, and when it can be seen."""
    if request := REQUEST.get():
        event["OperationId"] = request.operation_id
        event["SeenFrom"] = time.time() + request.asked.get("LateSeconds", 0)


def refuse_by_hook(provision: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a resource by a hook, with an event that has the reason."""

    def patched(*arguments: str) -> Any:
        request, logical_id = REQUEST.get(), arguments[1]
        reason = request.asked.get("Hook", {}).get(logical_id) if request else None
        if reason is None:
            return provision(*arguments)
        name = arguments[-1]
        arn = cloudformation._stacks[name]["StackId"]
        stacks._add_event(arn, name, logical_id, arguments[0], "CREATE_IN_PROGRESS")
        cloudformation._stack_events[arn][-1].update(
            HookType=HOOK,
            HookStatus="HOOK_COMPLETE_FAILED",
            HookStatusReason=reason,
            HookFailureMode="FAIL",
        )
        raise RuntimeError(REFUSAL)

    return patched


def describe_requested_events(describe: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Describe the events that can be seen already, with the fields that ministack omits."""

    def patched(request: Any) -> Answer:
        stack = handlers._resolve_stack(helpers._p(request, "StackName"))
        arn = stack["StackId"] if stack else ""
        events = cloudformation._stack_events.get(arn, [])
        now = time.time()
        seen = [event for event in events if event.get("SeenFrom", 0) <= now]
        if stack:
            cloudformation._stack_events[arn] = seen
        try:
            status, headers, body = describe(request)
        finally:
            if stack:
                cloudformation._stack_events[arn] = events
        for event in seen:
            mark = f"<EventId>{event['EventId']}</EventId>".encode()
            added = "".join(
                f"<{name}>{escape(event[name])}</{name}>" for name in FIELDS if name in event
            )
            body = body.replace(mark, mark + added.encode())
        return status, headers, body

    return patched
