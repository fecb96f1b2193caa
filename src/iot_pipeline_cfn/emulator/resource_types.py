"""Resource types as ministack's CloudFormation takes them, and patches of those that it has."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, NoReturn
from uuid import uuid4

from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]
Attributes = Mapping[str, str]
Handler = dict[str, Callable[..., Any]]
"""The functions that create, update and delete resources of one type in ministack."""
Patch = Callable[[Handler], Handler]
"""A function from a handler to those of its functions that are replaced."""
Answer = tuple[int, Mapping[str, str], bytes]
"""The status, the headers and the body of a response of a service."""


@dataclass(frozen=True)
class ResourceType:
    """The functions that create, update in place and delete resources of a type.

    `create` takes the properties and returns the values of `Ref` and of `Fn::GetAtt`.
    `update` takes the value of `Ref`, the old properties and the new, and returns the attributes;
    it is called only where no property of `create_only` differs. Each raises `ValueError` to fail.
    """

    create: Callable[[Properties], tuple[str, Attributes]]
    update: Callable[[str, Properties, Properties], Attributes]
    delete: Callable[[str, Properties], None]
    create_only: tuple[str, ...]
    tags: Literal["list", "map"] | None = None


def register(name: str, resource_type: ResourceType) -> None:
    """Add a resource type to CloudFormation, or replace the one that ministack has."""
    provisioners._RESOURCE_HANDLERS[name] = {
        "create": lambda _logical_id, properties, _stack: resource_type.create(properties),
        "update": lambda reference, old, new, _stack: (
            reference,
            resource_type.update(reference, old, new),
        ),
        "delete": resource_type.delete,
    }
    provisioners._REPLACING_PROPERTIES[name] = resource_type.create_only
    if resource_type.tags:
        provisioners._STACK_TAG_PROPERTY[name] = ("Tags", resource_type.tags)


def wrap(owner: object, name: str, wrapper: Callable[[Any], Any]) -> None:
    """Replace a function of a module, or of a table of functions, by one that wraps it."""
    if isinstance(owner, dict):
        owner[name] = wrapper(owner[name])
    else:
        setattr(owner, name, wrapper(getattr(owner, name)))


def patch_handlers(patches: Mapping[str, Sequence[Patch]]) -> None:
    """Apply patches, by resource type, one after another."""
    handlers = provisioners._RESOURCE_HANDLERS
    for name, each in patches.items():
        for patch in each:
            handlers[name] = handlers[name] | patch(handlers[name])


def with_properties(change: Callable[[Properties], Properties]) -> Patch:
    """Return a patch that changes the properties before a handler gets them."""
    return lambda handler: {
        "create": lambda logical_id, properties, stack: handler["create"](
            logical_id, change(properties), stack
        ),
        "update": lambda reference, old, new, *names: handler["update"](
            reference, change(old), change(new), *names
        ),
        "delete": lambda reference, properties: handler["delete"](reference, change(properties)),
    }


def then(complete: Callable[[str, Properties], Attributes]) -> Patch:
    """Return a patch that completes a resource that was created or updated.

    `complete` takes the value of `Ref` and the properties, and returns more attributes.
    """

    def patch(handler: Handler) -> Handler:
        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Attributes]:
            reference, attributes = handler["create"](logical_id, properties, stack)
            return reference, attributes | complete(reference, properties)

        def update(
            reference: str, old: Properties, new: Properties, *names: str
        ) -> tuple[str, Attributes]:
            reference, attributes = handler["update"](reference, old, new, *names)
            return reference, attributes | complete(reference, new)

        return {"create": create, "update": update}

    return patch


def before_deletion(check: Callable[[str], None]) -> Patch:
    """Return a patch that checks a resource, given the value of its `Ref`, before its deletion."""

    def patch(handler: Handler) -> Handler:
        def delete(reference: str, properties: Properties) -> None:
            check(reference)
            handler["delete"](reference, properties)

        return {"delete": delete}

    return patch


def tags_of(properties: Properties) -> dict[str, str]:
    """Return the tags of a resource's properties by their keys."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def is_true(value: object) -> bool:
    """Return whether a property is true; a parameter hands it on as text."""
    return str(value).lower() == "true"


def refuse(message: str, code: str = "InvalidRequest") -> NoReturn:
    """Fail a handler as CloudFormation reports it.

    Raises:
        ValueError: always.

    """
    reason = (
        f'Resource handler returned message: "{message}" '
        f"(RequestToken: {uuid4()}, HandlerErrorCode: {code})"
    )
    raise ValueError(reason)


def accepted(answer: Answer) -> str:
    """Return the body of a service's answer.

    Raises:
        ValueError: with the service's message, when the service refuses.

    """
    status, _, content = answer
    body = content.decode()
    if status >= HTTPStatus.BAD_REQUEST:
        match = re.search(r'<Message>([^<]*)|"[Mm]essage": *"([^"]*)', body)
        refuse(match[1] or match[2] if match else body)
    return body


def accepted_json(answer: Answer) -> dict[str, Any]:
    """Return the content of a service's answer in JSON.

    Raises:
        ValueError: with the service's message, when the service refuses.

    """
    content: dict[str, Any] = json.loads(accepted(answer))
    return content
