"""Stack events of ministack that differ from those of AWS, and what a failed rollback leaves."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from ministack.core.responses import now_iso
from ministack.services.cloudformation import changesets, handlers, stacks

from .resource_types import wrap

Work = Callable[..., Awaitable[None]]


@dataclass
class Update:
    """A running update, with the start event of the resource that it has reached.

    The event is emitted once the resource turns out to change.
    """

    stack: str
    start_event: Callable[[], None] | None = None

    def emit_start_event(self) -> None:
        """Emit the start event, if it is pending."""
        if self.start_event:
            self.start_event()
        self.start_event = None


UPDATE: ContextVar[Update | None] = ContextVar("UPDATE", default=None)


def patch() -> None:
    """Patch the events and the rollback of operations."""
    wrap(stacks, "_roll_back_operation", keep_failed_resources)
    wrap(stacks, "_add_event", omit_unchanged_resources)
    wrap(stacks, "_provision_resource", partial(emit_start_event_first, changes=lambda *_: True))
    wrap(
        stacks,
        "_update_resource",
        partial(emit_start_event_first, changes=lambda _type, _id, old, new, *_: old != new),
    )
    for module in (changesets, handlers):
        wrap(module, "_deploy_stack_async", track_update)


def track_update(deploy: Work) -> Work:
    """Record the running update for the events that it emits."""

    async def patched(name: str, stack: str, *arguments: object, **options: object) -> None:
        UPDATE.set(Update(stack) if options.get("is_update") else None)
        await deploy(name, stack, *arguments, **options)

    return patched


def omit_unchanged_resources(add_event: Callable[..., None]) -> Callable[..., None]:
    """Omit events of resources that an update does not change; ministack emits them."""
    parameters = signature(add_event)

    def patched(*arguments: str, **options: str) -> None:
        event = parameters.bind(*arguments, **options).arguments
        update = UPDATE.get()
        if update is None or update.stack != event["stack_id"]:
            add_event(**event)
        elif event["status"] == "UPDATE_IN_PROGRESS" and not event.keys() & {
            "reason",
            "physical_id",
        }:
            update.start_event = partial(add_event, **event)
        elif event["status"] == "UPDATE_COMPLETE" and update.start_event:
            update.start_event = None
        else:
            update.emit_start_event()
            add_event(**event)

    return patched


def emit_start_event_first(
    act: Callable[..., tuple[Any, Any]], changes: Callable[..., bool]
) -> Callable[..., tuple[Any, Any]]:
    """Emit the start event of a resource before an update creates or changes it."""

    def patched(*arguments: object) -> tuple[Any, Any]:
        update = UPDATE.get()
        if update and changes(*arguments):
            update.emit_start_event()
        return act(*arguments)

    return patched


def keep_failed_resources(roll_back: Work) -> Work:
    """Keep resources that a rollback could not delete; ministack forgets them."""

    async def patched(name: str, arn: str, stack: dict[str, Any], operation: object) -> None:
        await roll_back(name, arn, stack, operation)
        if stack["StackStatus"] == "ROLLBACK_FAILED":
            stack["_resources"] |= {
                logical_id: {
                    **resource,
                    "LogicalResourceId": logical_id,
                    "ResourceStatus": "DELETE_FAILED",
                    "Timestamp": now_iso(),
                }
                for logical_id, resource in stack["_rollback_failed"].items()
            }

    return patched
