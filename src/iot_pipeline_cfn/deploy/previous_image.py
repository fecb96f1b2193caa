"""Deploying the image again that ran before the current one."""

from collections.abc import Iterator
from dataclasses import replace

from iot_pipeline_cfn.template.parameters import COMMIT_PARAMETER, IMAGE_PARAMETER

from .cloudformation import Stack, original_template
from .connection import Connection
from .errors import DeploymentError
from .operations import Operations
from .request import DeploymentRequest

NO_IMAGE = "none"
"""The tag in the task definition of an environment without an image."""


def request_previous_image(operations: Operations, request: DeploymentRequest) -> DeploymentRequest:
    """Return the request to deploy the previous image, with all else as it is deployed.

    Neither the checkout's template nor its parameter file counts, which may be newer.
    """
    stack = operations.require_stack()
    template = original_template(operations.client, stack.arn)
    previous = find_previous_image(operations.connection, stack)
    if template is None or previous is None:
        message = f"{stack.name} has had no other image; name one: deploy --image-tag"
        raise DeploymentError(message, code="no-previous-image", stack=stack.name)
    current = stack.parameters.get(IMAGE_PARAMETER, "")
    operations.notify("previous-image", current=current or "no image", previous=previous)
    return replace(
        request,
        template=template,
        file=replace(request.file, parameters={}),
        parameters={IMAGE_PARAMETER: previous},
        commit=stack.parameters.get(COMMIT_PARAMETER, ""),
    )


def find_previous_image(connection: Connection, stack: Stack) -> str | None:
    """Return the tag or the digest of the image before the current one.

    An update deregisters the previous task definition, which ECS keeps as inactive
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html).
    Revisions after the current one belong to updates that were rolled back.
    """
    outputs = stack.output_values
    if "TaskDefinitionArn" not in outputs:
        return None
    family, current = _family_and_revision(outputs["TaskDefinitionArn"])
    arns = {_family_and_revision(arn): arn for arn in _task_definitions(connection, family)}
    unlike = {NO_IMAGE, stack.parameters.get(IMAGE_PARAMETER)}
    for (name, revision), arn in sorted(arns.items(), reverse=True):
        if name == family and revision < current:
            image = _image(connection, arn)
            if image not in unlike:
                return image
    return None


def _task_definitions(connection: Connection, family: str) -> Iterator[str]:
    pages = connection.ecs.get_paginator("list_task_definitions")
    for status in ("ACTIVE", "INACTIVE"):
        for page in pages.paginate(familyPrefix=family, status=status):
            yield from page["taskDefinitionArns"]


def _family_and_revision(arn: str) -> tuple[str, int]:
    family, _, revision = arn.rpartition("/")[2].rpartition(":")
    return family, int(revision)


def _image(connection: Connection, arn: str) -> str:
    """Return the tag of the image in a task definition, or its digest."""
    found = connection.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    image = found["containerDefinitions"][0]["image"]
    repository, _, digest = image.partition("@")
    return digest or repository.rpartition("/")[2].partition(":")[2]
