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
from iot_pipeline_cfn.deploy.errors import code_of
from iot_pipeline_cfn.emulator.control import NOT_AVAILABLE
from iot_pipeline_cfn.template.changes import Action
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .checking import (
    PreflightContext,
    aws_command,
    describe,
    not_checked,
    report,
    run_command,
    set_parameter,
)

CODE: Final = "image"
REPOSITORY: Final = "AWS::ECR::Repository"
USERS: Final = frozenset({"AWS::ECS::Service", "AWS::ECS::TaskDefinition"})

ARCHITECTURES: Final = MappingProxyType({"X86_64": "amd64", "ARM64": "arm64"})
"""The architectures of tasks, as ECS and as images name them."""

MANIFESTS: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
SCANNED: Final = frozenset({"ACTIVE", "COMPLETE"})
SCANNING: Final = frozenset({"IN_PROGRESS", "PENDING"})
NEWEST_TAGS: Final = 5
CONFIGURATION_BYTES: Final = 1_000_000
CONFIGURATION_SECONDS: Final = 5


@dataclass(frozen=True)
class Image:
    """The image that the changed tasks are started from."""

    context: PreflightContext
    repository: str
    tag: str
    logical_ids: Sequence[str]

    @property
    def connection(self) -> Connection:
        """The connection to its registry."""
        return self.context.connection

    @property
    def architecture(self) -> str:
        """The architecture of the tasks."""
        return self.context.parameters.get("CpuArchitecture", "X86_64")

    @property
    def platform(self) -> str:
        """The architecture that the image needs, as images name it."""
        return ARCHITECTURES[self.architecture]

    def finding(
        self, severity: Severity, problem: str, *remediations: Remediation, **details: Value
    ) -> Finding:
        """Return a finding about it."""
        facts = {"problem": problem, "repository": self.repository, "tag": self.tag, **details}
        ids, subject = self.logical_ids, IMAGE_PARAMETER
        return report(CODE, severity, ids, *remediations, subject=subject, **facts)

    def ecr(self, verb: str, *arguments: str) -> Remediation:
        """Return a command of the AWS CLI about its repository."""
        return self.context.aws("ecr", verb, "--repository-name", self.repository, *arguments)

    def push(self) -> list[Remediation]:
        """Return the commands that build and push it.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
        """
        region = self.connection.region
        registry = f"{_account(self.connection)}.dkr.ecr.{region}.amazonaws.com"
        uri = f"{registry}/{self.repository}:{self.tag}"
        password = aws_command(self.connection, "ecr", "get-login-password")
        login = ["docker", "login", "--username", "AWS", "--password-stdin", registry]
        build = ["docker", "build", "--platform", f"linux/{self.platform}", "-t", uri, "."]
        return [
            Remediation("run-command", {"argv": password, "pipe_to": login}),
            run_command(*build),
            run_command("docker", "push", uri),
        ]


def check_image(context: PreflightContext) -> Iterator[Finding]:
    """Report that the image is missing, has another architecture, or has not passed its scan.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    """
    tag = context.parameters.get(IMAGE_PARAMETER)
    users = [
        change.logical_id
        for change in context.changes
        if change.resource_type in USERS and change.action is not Action.REMOVE
    ]
    if not tag or not users:
        return
    created = context.created(REPOSITORY)
    for logical_id, resource in context.resources.items():
        name = resource.get("Properties", {}).get("RepositoryName")
        # Only the stack knows a generated name.
        if resource["Type"] == REPOSITORY and isinstance(name, str):
            image = Image(context, name, tag, users)
            if logical_id in created:
                yield _without_repository(image)
            else:
                yield from _check_repository(image)


def _needs_no_image(connection: Connection) -> bool:
    """Return whether nobody can push an image: the emulator runs no containers."""
    try:
        connection.ecr.get_authorization_token()
    except ClientError as error:
        return code_of(error) == NOT_AVAILABLE
    except BotoCoreError:
        pass
    return False


def _without_repository(image: Image) -> Finding:
    """Return the finding that the image's repository is created by this deployment only."""
    if _needs_no_image(image.connection):
        return image.finding(Severity.NOTE, "missing-on-emulator")
    create = image.context.deployer("deploy", "--image-tag", "")
    deploy = image.context.deployer("deploy", "--image-tag", image.tag)
    return image.finding(Severity.ERROR, "no-repository", create, *image.push(), deploy)


def _check_repository(image: Image) -> Iterator[Finding]:
    ecr = image.connection.ecr
    try:
        answer = ecr.batch_get_image(
            repositoryName=image.repository,
            imageIds=[{"imageTag": image.tag}],
            acceptedMediaTypes=MANIFESTS,
        )
    except ecr.exceptions.RepositoryNotFoundException:
        create = image.ecr("create-repository")
        yield image.finding(Severity.ERROR, "repository-deleted", create)
        return
    failures = {each["failureCode"]: each.get("failureReason", "") for each in answer["failures"]}
    if failures and "ImageNotFound" not in failures:
        yield image.finding(Severity.WARNING, "not-pullable", failures=failures)
    elif not answer["images"]:
        yield _missing(image)
    else:
        (found, *_) = answer["images"]
        manifest = json.loads(found["imageManifest"])
        yield from _check_architecture(image, manifest)
        digest = _scanned_digest(image, manifest) or found["imageId"]["imageDigest"]
        yield from _check_scan(image, digest)


def _missing(image: Image) -> Finding:
    if _needs_no_image(image.connection):
        record = image.ecr("put-image", "--image-tag", image.tag, "--image-manifest", "{}")
        return image.finding(Severity.NOTE, "missing-on-emulator", record)
    tags = _newest_tags(image)
    return image.finding(Severity.ERROR, "missing", *image.push(), newest_tags=tags)


def _newest_tags(image: Image) -> list[str]:
    """Return the tags that were pushed last, or none where they cannot be listed."""
    images: list[Mapping[str, Any]] = []
    with suppress(BotoCoreError, ClientError):
        images += describe(
            image.connection.ecr,
            "describe_images",
            repositoryName=image.repository,
            filter={"tagStatus": "TAGGED"},
        )
    newest_first = sorted(images, key=lambda each: each["imagePushedAt"], reverse=True)
    return [tag for each in newest_first for tag in each.get("imageTags", [])][:NEWEST_TAGS]


def _check_architecture(image: Image, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        built = _architectures(image, manifest)
    except (BotoCoreError, ClientError, HTTPException, OSError, ValueError) as error:
        yield from not_checked(CODE, error, part="architecture")
        return
    if built and image.platform not in built:
        build = Remediation("build-for-platform", {"platform": f"linux/{image.platform}"})
        fitting = [name for name, platform in ARCHITECTURES.items() if platform in built]
        choose = [set_parameter("CpuArchitecture", name) for name in fitting]
        facts = {"built": sorted(built), "architecture": image.architecture}
        yield image.finding(Severity.ERROR, "architecture", build, *choose, **facts)


def _architectures(image: Image, manifest: Mapping[str, Any]) -> set[str]:
    """Return the architectures of an image, from its index or else from its configuration.

    https://github.com/opencontainers/image-spec/blob/main/image-index.md
    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    if "manifests" in manifest:
        # Attestations are entries with an unknown platform.
        return {_platform(entry) for entry in manifest["manifests"]} - {"", "unknown"}
    if "config" not in manifest:
        return set()
    url = image.connection.ecr.get_download_url_for_layer(
        repositoryName=image.repository, layerDigest=manifest["config"]["digest"]
    )["downloadUrl"]
    with urlopen(url, timeout=CONFIGURATION_SECONDS) as answer:  # noqa: S310 ECR returned the URL.
        configuration = json.loads(answer.read(CONFIGURATION_BYTES))
    return {configuration["architecture"]} if "architecture" in configuration else set()


def _platform(entry: Mapping[str, Any]) -> str:
    return str(entry.get("platform", {}).get("architecture", ""))


def _scanned_digest(image: Image, manifest: Mapping[str, Any]) -> str | None:
    """Return the digest of the image in an index that the tasks run: indexes are not scanned."""
    entries = manifest.get("manifests", [])
    return next((each["digest"] for each in entries if _platform(each) == image.platform), None)


def _check_scan(image: Image, digest: str) -> Iterator[Finding]:
    """Report critical findings of ECR or Inspector, and a scan that is not complete.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
    """
    image_id = ("--image-id", f"imageDigest={digest}")
    show = image.ecr("describe-image-scan-findings", *image_id)
    try:
        answer = image.connection.ecr.describe_image_scan_findings(
            repositoryName=image.repository, imageId={"imageDigest": digest}
        )
    except ClientError as error:
        if code_of(error) == "ScanNotFoundException":
            start = image.ecr("start-image-scan", *image_id)
            yield image.finding(Severity.WARNING, "not-scanned", start)
        else:
            yield from not_checked(CODE, error, part="scan")
        return
    scan = answer.get("imageScanStatus", {})
    status = scan.get("status", "UNKNOWN")
    counts = answer.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    if critical := counts.get("CRITICAL", 0):
        yield image.finding(Severity.WARNING, "critical-findings", show, critical=critical)
    elif status in SCANNING:
        yield image.finding(Severity.WARNING, "scan-in-progress", show, status=status)
    elif status not in SCANNED:
        reason = scan.get("description", "")
        yield image.finding(Severity.WARNING, "scan-failed", show, status=status, reason=reason)


def _account(connection: Connection) -> str:
    """Return the account's number, or `ACCOUNT` where it cannot be read."""
    with suppress(BotoCoreError, ClientError):
        return connection.caller.account
    return "ACCOUNT"
