"""Deployments of an image that is not in the environment's repository yet.

It is built from a directory, or copied from the repository of another environment. The environment
is created first, without tasks, because its repository is one of its resources. The tasks run the
digest that was pushed; the tag tells people what it is, and keeps ECR from expiring it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.parameters import IMAGE_PARAMETER

from . import planning
from .builders import build, commit_tag, find_builder
from .cloudformation import Stack
from .errors import DeploymentError
from .image_archive import ImageArchive
from .image_registry import (
    ARCHITECTURES,
    ImageReference,
    ImageRepository,
    ImageSource,
    Manifest,
)
from .operations import Operations
from .request import DeploymentRequest, build_input
from .service_layer import Consent, DeploymentResult, deploy

ARCHITECTURE_PARAMETER: Final = "CpuArchitecture"
REPOSITORY_OUTPUT: Final = "RepositoryUri"


@dataclass(frozen=True)
class PreparedImage:
    """An image that fits the tasks, the place to take it from, and the tag that it gets."""

    source: ImageSource
    manifest: Manifest
    tag: str


def deploy_image(
    operations: Operations, request: DeploymentRequest, consent: Consent, image: str
) -> DeploymentResult:
    """Deploy an image, which is a directory to build or the URI of one in ECR.

    Nothing is changed before the image is there and fits the architecture of the tasks.
    """
    if not {IMAGE_PARAMETER, ARCHITECTURE_PARAMETER} <= request.template["Parameters"].keys():
        message = "the template of this environment runs no image"
        raise DeploymentError(message, ExitCode.USAGE, code="no-image-parameter")
    consent.require(given=consent.covers_deployment(is_local=operations.connection.is_local))
    stack = operations.find_stack()
    refusal = stack and planning.refuse_ownership(
        stack.status, stack.tags, operations.environment.name
    )
    if refusal:
        raise operations.refused(refusal, stack)
    repository = _repository(operations, stack)
    # What is left of a failed creation counts for nothing.
    existing = stack if repository else None
    platform = _platform(operations, _with_image(request, ""), existing)
    created = None
    with _prepared(operations, image, platform, repository) as prepared:
        if repository is None:
            created = deploy(operations, _with_image(request, ""), consent)
            repository = _require_repository(operations, created.stack)
            # The user is not asked twice, and express mode is for creations.
            consent, request = Consent(yes=True), replace(request, express=False)
        _push(operations, repository, prepared)
    digest = prepared.manifest.digest_for(platform)
    repository.wait_for_scan(digest, lambda: operations.notify("waiting-for-scan", digest=digest))
    result = deploy(operations, _with_image(request, prepared.manifest.digest), consent)
    if created:
        seconds = created.seconds + result.seconds
        result = replace(result, plan=created.plan, seconds=seconds)
    return result


def push_image(operations: Operations, request: DeploymentRequest, image: str) -> str:
    """Push an image to the repository of an existing environment, and return its digest."""
    stack = operations.require_stack()
    repository = _require_repository(operations, stack)
    platform = _platform(operations, request, stack)
    with _prepared(operations, image, platform, repository) as prepared:
        _push(operations, repository, prepared)
    return prepared.manifest.digest


def _with_image(request: DeploymentRequest, name: str) -> DeploymentRequest:
    return replace(request, parameters={**request.parameters, IMAGE_PARAMETER: name})


def _repository(operations: Operations, stack: Stack | None) -> ImageRepository | None:
    """Return the environment's repository, or None before its creation."""
    uri = stack.output_values.get(REPOSITORY_OUTPUT) if stack else None
    return ImageRepository(operations.connection, uri.partition("/")[2]) if uri else None


def _require_repository(operations: Operations, stack: Stack) -> ImageRepository:
    repository = _repository(operations, stack)
    if repository is None:
        message = f"the stack has no output {REPOSITORY_OUTPUT}"
        raise DeploymentError(message, code="no-repository")
    return repository


def _platform(operations: Operations, request: DeploymentRequest, stack: Stack | None) -> str:
    """Return the platform of the tasks."""
    return ARCHITECTURES[build_input(operations, request, stack).parameters[ARCHITECTURE_PARAMETER]]


@contextmanager
def _prepared(
    operations: Operations, image: str, platform: str, repository: ImageRepository | None
) -> Iterator[PreparedImage]:
    """Yield an image that fits an architecture; what was built for it is removed afterwards."""
    directory = Path(image)
    if reference := ImageReference.parse(image):
        yield _stored(operations, reference, platform)
    elif not directory.is_dir():
        message = (
            f"{image!r} is neither a directory nor the URI of an image in ECR with a tag or a "
            "digest"
        )
        raise DeploymentError(message, ExitCode.USAGE, code="bad-image", image=image)
    elif existing := _built_before(repository, directory, platform):
        yield existing
    else:
        with TemporaryDirectory(prefix="iot-pipeline-image-") as temporary:
            yield _built(operations, directory, platform, Path(temporary) / "image.tar")


def _stored(operations: Operations, reference: ImageReference, platform: str) -> PreparedImage:
    """Return an image that a repository of the same account and Region has."""
    place = (operations.location.account, operations.location.region)
    if (reference.account, reference.region) != place:
        message = f"the image is not in {' in '.join(place)}: copy it to a repository there first"
        raise DeploymentError(message, code="image-elsewhere")
    source = ImageRepository(operations.connection, reference.repository)
    manifest = source.find(reference.name)
    if manifest is None:
        message = f"{reference.name} is not in {reference.repository}"
        raise DeploymentError(message, code="image-missing", repository=reference.repository)
    if built := source.architectures(manifest):
        _require_architecture(built, platform)
    tags = [reference.tag] if reference.tag else source.tags(manifest.digest)
    return PreparedImage(source, manifest, next(iter(tags), _content_tag(manifest)))


def _built_before(
    repository: ImageRepository | None, directory: Path, platform: str
) -> PreparedImage | None:
    """Return the image of the directory's commit, if it has been pushed."""
    tag = repository and commit_tag(directory, platform)
    manifest = repository and tag and repository.find(tag)
    return PreparedImage(repository, manifest, tag) if repository and tag and manifest else None


def _built(operations: Operations, directory: Path, platform: str, path: Path) -> PreparedImage:
    """Build an image, which may have another architecture than was asked for."""
    builder = find_builder()
    operations.notify("building-image", directory=str(directory), builder=builder.build[0])
    build(builder, directory, platform, path)
    archive = ImageArchive(path)
    images = archive.images()
    _require_architecture(images, platform)
    manifest = archive.with_compressed_layers(images[platform])
    tag = commit_tag(directory, platform) or _content_tag(manifest)
    return PreparedImage(archive, manifest, tag)


def _require_architecture(built: Collection[str], platform: str) -> None:
    if platform not in built:
        names = ", ".join(sorted(built))
        message = f"the image is built for {names or 'no architecture'}, and tasks run {platform}"
        raise DeploymentError(message, code="image-architecture", built=sorted(built))


def _content_tag(manifest: Manifest) -> str:
    return f"content-{manifest.digest.partition(':')[2][:12]}"


def _push(operations: Operations, repository: ImageRepository, image: PreparedImage) -> None:
    """Push an image unless the repository has it."""
    tag, digest = image.tag, image.manifest.digest
    existing = repository.find(tag)
    if existing and existing.digest != digest:
        # A tag cannot be moved.
        tag = _content_tag(image.manifest)
        existing = repository.find(tag)
    if existing is None:
        repository.push(image.source, image.manifest, tag)
    code = "image-present" if existing else "image-pushed"
    operations.notify(code, repository=repository.name, tag=tag, digest=digest)
