"""What CloudFormation in the emulator has to know of a resource type, and how it is told."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, NoReturn
from uuid import uuid4

from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]
Attributes = Mapping[str, str]
Handler = dict[str, Callable[..., Any]]
Answer = tuple[int, Mapping[str, str], bytes]
"""What a service of ministack returns: the status, the headers and the body of its response."""


@dataclass(frozen=True)
class ResourceType:
    """How resources of one type are created, updated in place and deleted.

    `create` takes the properties and returns what `Ref` returns and what `Fn::GetAtt` does.
    `update` takes what `Ref` returns, the old properties and the new, and returns the attributes;
    it is called only where no property of `create_only` differs. Each raises `ValueError` to fail.
    """

    create: Callable[[Properties], tuple[str, Attributes]]
    update: Callable[[str, Properties, Properties], Attributes]
    delete: Callable[[str, Properties], None]
    create_only: tuple[str, ...]
    tags: Literal["list", "map"] | None = None

    def handler(self) -> Handler:
        """Return it as ministack has it."""
        return {
            "create": lambda _logical_id, properties, _stack_name: self.create(properties),
            "update": lambda reference, old, new, _stack_name: (
                reference,
                self.update(reference, old, new),
            ),
            "delete": self.delete,
        }


def register(name: str, resource_type: ResourceType) -> None:
    """Let CloudFormation have a resource type, in place of its own if it has one."""
    provisioners._RESOURCE_HANDLERS[name] = resource_type.handler()
    provisioners._REPLACING_PROPERTIES[name] = resource_type.create_only
    if resource_type.tags:
        provisioners._STACK_TAG_PROPERTY[name] = ("Tags", resource_type.tags)


def tags_of(properties: Properties) -> dict[str, str]:
    """Return the tags of a resource's properties by their key."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def refuse(message: str, code: str = "InvalidRequest") -> NoReturn:
    """Fail a handler, in the words in which CloudFormation reports it.

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


def content_of(answer: Answer) -> dict[str, Any]:
    """Return what a service answers in JSON.

    Raises:
        ValueError: with the service's message, when the service refuses.

    """
    content: dict[str, Any] = json.loads(accepted(answer))
    return content
