"""The container image: without one that can be pulled, tasks never start and the service hangs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iot_pipeline_cfn.deploy.connection import Connection
from iot_pipeline_cfn.deploy.errors import code_of
from iot_pipeline_cfn.deploy.image_registry import (
    ARCHITECTURES,
    SCANNING,
    ImageRepository,
    Manifest,
)
from iot_pipeline_cfn.emulator.control import NOT_AVAILABLE
from iot_pipeline_cfn.template.changes import Action
from iot_pipeline_cfn.template.findings import Finding, Remediation, Severity, Value
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from .checking import PreflightContext, describe, not_checked, report, set_parameter

CODE: Final = "image"
REPOSITORY: Final = "AWS::ECR::Repository"
USERS: Final = frozenset({"AWS::ECS::Service", "AWS::ECS::TaskDefinition"})

SCANNED: Final = frozenset({"ACTIVE", "COMPLETE"})
NEWEST_TAGS: Final = 5


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
    def stored(self) -> ImageRepository:
        """The repository that it is pulled from."""
        return ImageRepository(self.connection, self.repository)

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

    def push(self) -> Remediation:
        """Return the command that builds, pushes and deploys an image."""
        return self.context.deployer("deploy", "--image", "DIRECTORY")


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
        return image.finding(Severity.NOTE, "missing-on-emulator", image.push())
    create = image.context.deployer("deploy", "--image-tag", "")
    return image.finding(Severity.ERROR, "no-repository", image.push(), create)


def _check_repository(image: Image) -> Iterator[Finding]:
    ecr = image.connection.ecr
    try:
        answer = image.stored.get(image.tag)
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
        manifest = Manifest.of(found)
        yield from _check_architecture(image, manifest)
        # An index is not scanned.
        yield from _check_scan(image, manifest.digest_for(image.platform))


def _missing(image: Image) -> Finding:
    if _needs_no_image(image.connection):
        return image.finding(Severity.NOTE, "missing-on-emulator", image.push())
    tags = _newest_tags(image)
    return image.finding(Severity.ERROR, "missing", image.push(), newest_tags=tags)


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


def _check_architecture(image: Image, manifest: Manifest) -> Iterator[Finding]:
    try:
        built = image.stored.architectures(manifest)
    except (BotoCoreError, ClientError, HTTPException, OSError, ValueError) as error:
        yield from not_checked(CODE, error, part="architecture")
        return
    if built and image.platform not in built:
        build = Remediation("build-for-platform", {"platform": f"linux/{image.platform}"})
        fitting = [name for name, platform in ARCHITECTURES.items() if platform in built]
        choose = [set_parameter("CpuArchitecture", name) for name in fitting]
        facts = {"built": sorted(built), "architecture": image.architecture}
        yield image.finding(Severity.ERROR, "architecture", build, *choose, **facts)


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
