"""What ministack tells and keeps of operations on stacks unlike AWS."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from ministack.core.responses import now_iso
from ministack.services.cloudformation import changesets, handlers, stacks

Work = Callable[..., Awaitable[None]]


@dataclass
class Update:
    """An update that runs, and the beginning of the resource that it has come to.

    The beginning is told once the resource turns out to change.
    """

    stack: str
    beginning: Callable[[], None] | None = None

    def tell(self) -> None:
        """Tell the beginning, if it has not been told."""
        if self.beginning:
            self.beginning()
        self.beginning = None


UPDATE: ContextVar[Update | None] = ContextVar("UPDATE", default=None)


def correct() -> None:
    """Replace what tells of operations, and what ends them."""
    stacks._roll_back_operation = _remembered(stacks._roll_back_operation)
    stacks._add_event = _of_changes(stacks._add_event)
    stacks._provision_resource = _told(stacks._provision_resource, lambda *_: True)
    stacks._update_resource = _told(
        stacks._update_resource, lambda _type, _id, old, new, *_: old != new
    )
    for module in (changesets, handlers):
        module._deploy_stack_async = _known(module._deploy_stack_async)


def _known(deploy: Work) -> Work:
    """Let the events of an update know of it."""

    async def corrected(name: str, stack: str, *arguments: object, **options: object) -> None:
        UPDATE.set(Update(stack) if options.get("is_update") else None)
        await deploy(name, stack, *arguments, **options)

    return corrected


def _of_changes(add_event: Callable[..., None]) -> Callable[..., None]:
    """Let an update have no events of resources that it leaves as they are."""
    parameters = signature(add_event)

    def corrected(*arguments: str, **options: str) -> None:
        event = parameters.bind(*arguments, **options).arguments
        update = UPDATE.get()
        if update is None or update.stack != event["stack_id"]:
            add_event(**event)
        elif event["status"] == "UPDATE_IN_PROGRESS" and not event.keys() & {
            "reason",
            "physical_id",
        }:
            update.beginning = partial(add_event, **event)
        elif event["status"] == "UPDATE_COMPLETE" and update.beginning:
            update.beginning = None
        else:
            update.tell()
            add_event(**event)

    return corrected


def _told(
    act: Callable[..., tuple[Any, Any]], changes: Callable[..., bool]
) -> Callable[..., tuple[Any, Any]]:
    """Let the beginning of a resource's change be told before it is changed."""

    def corrected(*arguments: object) -> tuple[Any, Any]:
        update = UPDATE.get()
        if update and changes(*arguments):
            update.tell()
        return act(*arguments)

    return corrected


def _remembered(roll_back: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Let a stack keep what could not be deleted when its creation was rolled back."""

    async def corrected(name: str, arn: str, stack: dict[str, Any], operation: object) -> None:
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

    return corrected
