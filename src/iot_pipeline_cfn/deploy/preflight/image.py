"""The container image: without one that can be pulled, tasks never start and the service hangs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from types import MappingProxyType
from typing import Any, Final
from urllib.request import urlopen

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.errors import code_of, explained
from iot_pipeline_cfn.deploy.operations import command
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .checking import Finding, Severity, Subject
from .commands import aws_command

CODE = "image"

REPOSITORY: Final = "AWS::ECR::Repository"
USERS: Final = frozenset({"AWS::ECS::Service", "AWS::ECS::TaskDefinition"})

ARCHITECTURES: Final = MappingProxyType({"X86_64": "amd64", "ARM64": "arm64"})
"""What a task is run on, in the words of ECS and of images."""

MANIFESTS: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
SCANNED: Final = frozenset({"ACTIVE", "COMPLETE"})
UNDER_WAY: Final = frozenset({"IN_PROGRESS", "PENDING"})
TAGS_SHOWN: Final = 5
CONFIGURATION_BYTES: Final = 1_000_000
CONFIGURATION_SECONDS: Final = 5

INDENTED: Final = "\n    "
NO_CONTAINERS: Final = (
    "on AWS that is an error, but the embedded AWS runs no containers and takes any tag for pushed"
)


@dataclass(frozen=True)
class _Wanted:
    """The image that tasks are to be started from."""

    subject: Subject
    repository: str
    tag: str
    logical_ids: Sequence[str]

    @property
    def architecture(self) -> str:
        """What it is to be built for, as the template has it."""
        return self.subject.parameters.get("CpuArchitecture", "X86_64")

    def finding(self, severity: Severity, message: str) -> Finding:
        """Return what there is to say of it."""
        return Finding(CODE, severity, message, self.logical_ids)

    def aws(self, verb: str, *arguments: str) -> str:
        """Return a command of the AWS CLI about it."""
        named = ("ecr", verb, "--repository-name", self.repository)
        return aws_command(self.subject.connection, *named, *arguments)

    def push(self) -> list[str]:
        """Return the commands that build and push it.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
        """
        connection = self.subject.connection
        registry = f"{_account(connection)}.dkr.ecr.{connection.region}.amazonaws.com"
        uri = f"{registry}/{self.repository}:{self.tag}"
        login = aws_command(connection, "ecr", "get-login-password")
        return [
            f"{login} | docker login --username AWS --password-stdin {registry}",
            f"docker build --platform linux/{ARCHITECTURES[self.architecture]} -t {uri} .",
            f"docker push {uri}",
        ]

    def record(self) -> str:
        """Return the command that makes the embedded AWS take it for pushed."""
        return self.aws("put-image", "--image-tag", self.tag, "--image-manifest", "{}")


def look(subject: Subject) -> Iterator[Finding]:
    """Look whether what tasks are to be started from is there, fits them, and has been scanned.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    """
    tag = subject.parameters.get(IMAGE_PARAMETER)
    users = [
        change.logical_id
        for change in subject.changes
        if change.resource_type in USERS and change.action != "Remove"
    ]
    if not tag or not users:
        return
    new = subject.new(REPOSITORY)
    for logical_id, resource in subject.resources.items():
        name = resource.get("Properties", {}).get("RepositoryName")
        # Only the stack can tell the name of one that has none of its own.
        if resource["Type"] == REPOSITORY and isinstance(name, str):
            wanted = _Wanted(subject, name, tag, users)
            yield from _before_the_repository(wanted) if logical_id in new else _look_into(wanted)


def _before_the_repository(wanted: _Wanted) -> Iterator[Finding]:
    """Yield that there cannot be an image before there is a repository."""
    why = f"{wanted.tag} cannot be in {wanted.repository}, which only this deployment makes"
    connection = wanted.subject.connection
    if connection.embedded:
        yield wanted.finding(Severity.NOTE, f"{why}; {NO_CONTAINERS}")
        return
    deploy = f"{command('deploy', wanted.subject.environment, connection)} --image-tag"
    lines = [
        f"{why}, so that its tasks would never start; deploy without an image, push it, deploy it:",
        f"{deploy} ''",
        *wanted.push(),
        f"{deploy} {wanted.tag}",
    ]
    yield wanted.finding(Severity.ERROR, INDENTED.join(lines))


def _look_into(wanted: _Wanted) -> Iterator[Finding]:
    """Look into the repository, which is there."""
    connection = wanted.subject.connection
    try:
        answer = connection.ecr.batch_get_image(
            repositoryName=wanted.repository,
            imageIds=[{"imageTag": wanted.tag}],
            acceptedMediaTypes=MANIFESTS,
        )
    except connection.ecr.exceptions.RepositoryNotFoundException:
        again = wanted.aws("create-repository")
        message = f"somebody has removed {wanted.repository}, which the stack has; make it: {again}"
        yield wanted.finding(Severity.ERROR, message)
        return
    reasons = {failure["failureCode"]: failure for failure in answer["failures"]}
    if reasons and "ImageNotFound" not in reasons:
        reason = ", ".join(failure.get("failureReason", code) for code, failure in reasons.items())
        message = f"{wanted.tag} in {wanted.repository} may not be pulled: {reason}"
        yield wanted.finding(Severity.WARNING, message)
    elif not answer["images"]:
        yield _missing(wanted)
    elif not connection.embedded:
        (image, *_) = answer["images"]
        manifest = json.loads(image["imageManifest"])
        yield from _architecture(wanted, manifest)
        yield from _scan(
            wanted, _scanned_digest(wanted, manifest) or image["imageId"]["imageDigest"]
        )


def _missing(wanted: _Wanted) -> Finding:
    """Return that it has not been pushed, what has, and how to push it."""
    connection = wanted.subject.connection
    newest = ", ".join(_newest(wanted)) or "none"
    message = f"{wanted.tag} is not in {wanted.repository}; newest tags there: {newest}"
    if connection.embedded:
        return wanted.finding(
            Severity.NOTE, f"{message}; {NO_CONTAINERS}; to record it: {wanted.record()}"
        )
    return wanted.finding(
        Severity.ERROR, INDENTED.join([f"{message}; to push it:", *wanted.push()])
    )


def _newest(wanted: _Wanted) -> list[str]:
    """Return the tags that were pushed last, or none where they may not be listed."""
    tagged = []
    with suppress(BotoCoreError, ClientError):
        pages = wanted.subject.connection.ecr.get_paginator("describe_images").paginate(
            repositoryName=wanted.repository, filter={"tagStatus": "TAGGED"}
        )
        tagged = [image for page in pages for image in page["imageDetails"]]
    newest_first = sorted(tagged, key=lambda image: image["imagePushedAt"], reverse=True)
    return [tag for image in newest_first for tag in image.get("imageTags", [])][:TAGS_SHOWN]


def _architecture(wanted: _Wanted, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare what an image is built for with what the tasks run on."""
    try:
        built = _built_for(wanted, manifest)
    except (BotoCoreError, ClientError, HTTPException, OSError, ValueError) as error:
        message = f"what {wanted.tag} is built for could not be looked at: {error}"
        yield wanted.finding(Severity.NOTE, message)
        return
    if built and ARCHITECTURES[wanted.architecture] not in built:
        ways = [f"--platform linux/{ARCHITECTURES[wanted.architecture]}, under another tag"]
        ways += [
            f"--parameter CpuArchitecture={name}"
            for name, architecture in ARCHITECTURES.items()
            if architecture in built
        ]
        message = (
            f"{wanted.tag} is built for {', '.join(sorted(built))}, and tasks run on "
            f"{wanted.architecture}: build it with {'; or '.join(ways)}"
        )
        yield wanted.finding(Severity.ERROR, message)


def _built_for(wanted: _Wanted, manifest: Mapping[str, Any]) -> set[str]:
    """Return the architectures of an image: of its index, else of its configuration.

    https://github.com/opencontainers/image-spec/blob/main/image-index.md
    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    if "manifests" in manifest:
        # What is no image, such as where it was built, is of an unknown platform.
        return {_platform(entry) for entry in manifest["manifests"]} - {"", "unknown"}
    if "config" not in manifest:
        return set()
    url = wanted.subject.connection.ecr.get_download_url_for_layer(
        repositoryName=wanted.repository, layerDigest=manifest["config"]["digest"]
    )["downloadUrl"]
    with urlopen(url, timeout=CONFIGURATION_SECONDS) as answer:  # noqa: S310 AWS has made it up.
        configuration = json.loads(answer.read(CONFIGURATION_BYTES))
    return {configuration["architecture"]} if "architecture" in configuration else set()


def _platform(entry: Mapping[str, Any]) -> str:
    return str(entry.get("platform", {}).get("architecture", ""))


def _scanned_digest(wanted: _Wanted, manifest: Mapping[str, Any]) -> str | None:
    """Return the digest of the image in an index that tasks run, since an index is not scanned."""
    return next(
        (
            entry["digest"]
            for entry in manifest.get("manifests", [])
            if _platform(entry) == ARCHITECTURES[wanted.architecture]
        ),
        None,
    )


def _scan(wanted: _Wanted, digest: str) -> Iterator[Finding]:
    """Look at what ECR, or Inspector, has found in an image.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
    """
    image_id = ("--image-id", f"imageDigest={digest}")
    show = wanted.aws("describe-image-scan-findings", *image_id)
    try:
        answer = wanted.subject.connection.ecr.describe_image_scan_findings(
            repositoryName=wanted.repository, imageId={"imageDigest": digest}
        )
    except ClientError as error:
        if code_of(error) == "ScanNotFoundException":
            start = wanted.aws("start-image-scan", *image_id)
            message = f"{wanted.tag} has not been scanned; to have it scanned: {start}"
            yield wanted.finding(Severity.WARNING, message)
        else:
            message = f"the scan of {wanted.tag} could not be looked at: {explained(error)}"
            yield wanted.finding(Severity.NOTE, message)
        return
    scan = answer.get("imageScanStatus", {})
    status = scan.get("status", "of unknown state")
    critical = (
        answer.get("imageScanFindings", {}).get("findingSeverityCounts", {}).get("CRITICAL", 0)
    )
    if critical:
        message = f"the scan of {wanted.tag} has {critical} critical findings; they are: {show}"
        yield wanted.finding(Severity.WARNING, message)
    elif status in UNDER_WAY:
        message = f"the scan of {wanted.tag} is not done ({status}); look again with: {show}"
        yield wanted.finding(Severity.WARNING, message)
    elif status not in SCANNED:
        reason = f": {scan['description']}" if "description" in scan else ""
        message = f"the scan of {wanted.tag} is {status}{reason}; see: {show}"
        yield wanted.finding(Severity.WARNING, message)


def _account(connection: Connection) -> str:
    """Return the number of the account, or a word for it, so that what is known is still said."""
    with suppress(BotoCoreError, ClientError):
        return connection.sts.get_caller_identity()["Account"]
    return "ACCOUNT"
