"""Images in ECR, read and pushed by its own API.

It needs no container engine, no login and no token: credentials, retries and proxies are those of
all other calls. AWS's resolver for containerd pushes by the same calls
(https://github.com/awslabs/amazon-ecr-containerd-resolver/tree/main/ecr).
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Final, Protocol
from urllib.request import urlopen

from botocore.exceptions import ClientError

from .connection import Connection
from .errors import code_of
from .polling import poll

MANIFEST_TYPES: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
ARCHITECTURES: Final = {"X86_64": "amd64", "ARM64": "arm64"}
"""The values of `CpuArchitecture`, as images name them."""
SCANNING: Final = frozenset({"IN_PROGRESS", "PENDING"})
SCAN_SECONDS: Final = 300
SCAN_START_SECONDS: Final = 15
"""How long a scan may take, and after how long an image without one is not going to have one."""

CONFIGURATION_BYTES: Final = 1_000_000
DOWNLOAD_SECONDS: Final = 10
"""How long S3 may be silent during a download."""
UPLOADS: Final = 4
"""Layers that are uploaded at a time, each with one part in memory."""

DIGEST: Final = "sha256:[0-9a-f]{64}"
_REFERENCE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    rf"(?P<repository>[a-z0-9._/-]+)(@(?P<digest>{DIGEST})|:(?P<tag>\w[\w.-]*))",
    re.ASCII,
)


@dataclass(frozen=True)
class ImageReference:
    """The URI of an image in ECR, with a digest or a tag."""

    account: str
    region: str
    repository: str
    digest: str | None
    tag: str | None

    @classmethod
    def parse(cls, text: str) -> "ImageReference | None":
        """Return the reference, or None if the text is none."""
        found = _REFERENCE.fullmatch(text)
        return cls(**found.groupdict()) if found else None

    @property
    def name(self) -> str:
        """The digest, or else the tag."""
        return self.digest or self.tag or ""


def image_id(name: str) -> dict[str, str]:
    """Return how ECR's API is asked for an image by its digest or its tag."""
    return {"imageDigest" if ":" in name else "imageTag": name}


@dataclass(frozen=True)
class Manifest:
    """The manifest of an image, or an index of several, exactly as it is stored."""

    text: str
    media_type: str
    digest: str
    """The digest by which tasks are started."""

    @classmethod
    def of(cls, image: Mapping[str, Any]) -> "Manifest":
        """Return the manifest of an image, as ECR describes it."""
        media_type = image.get("imageManifestMediaType", "")
        return cls(image["imageManifest"], media_type, image["imageId"]["imageDigest"])

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The manifest as data."""
        return dict(json.loads(self.text))

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """The manifests that an index lists."""
        return list(self.content.get("manifests", []))

    @property
    def blobs(self) -> list[str]:
        """The digests of its configuration and its layers, each once."""
        parts = [self.content.get("config"), *self.content.get("layers", [])]
        return list(dict.fromkeys(part["digest"] for part in parts if part))

    def digest_for(self, platform: str) -> str:
        """Return the digest of the image that tasks of an architecture run."""
        fitting = (each["digest"] for each in self.entries if _architecture(each) == platform)
        return next(fitting, self.digest)


def digest_of(content: bytes) -> str:
    """Return the digest of a manifest or a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class ImageSource(Protocol):
    """A place that an image is taken from: a repository, or an archive."""

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest that an index lists by a digest."""

    def open_blob(self, digest: str) -> AbstractContextManager[BinaryIO]:
        """Open a layer or a configuration."""


@dataclass(frozen=True)
class ImageRepository:
    """A repository in the account and the Region of a connection."""

    connection: Connection
    name: str

    def get(self, name: str) -> dict[str, Any]:
        """Return ECR's answer about the image of a tag or a digest."""
        return dict(
            self.connection.ecr.batch_get_image(
                repositoryName=self.name,
                imageIds=[image_id(name)],  # type: ignore[list-item]
                acceptedMediaTypes=MANIFEST_TYPES,
            )
        )

    def find(self, name: str) -> Manifest | None:
        """Return the manifest of a tag or a digest, or None if the repository has none."""
        for image in self.get(name)["images"]:
            return Manifest.of(image)
        return None

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest of a digest that the repository has."""
        found = self.find(digest)
        if found is None:
            raise LookupError(digest)
        return found

    def tags(self, digest: str) -> list[str]:
        """Return the tags of an image."""
        images = self.connection.ecr.describe_images(
            repositoryName=self.name, imageIds=[{"imageDigest": digest}]
        )["imageDetails"]
        return [tag for image in images for tag in image.get("imageTags", [])]

    def open_blob(self, digest: str) -> AbstractContextManager[BinaryIO]:
        """Open a layer or a configuration, which S3 has."""
        url = self.connection.ecr.get_download_url_for_layer(
            repositoryName=self.name, layerDigest=digest
        )["downloadUrl"]
        answer: AbstractContextManager[BinaryIO] = urlopen(url, timeout=DOWNLOAD_SECONDS)  # noqa: S310 ECR returned the URL.
        return answer

    def architectures(self, manifest: Manifest) -> set[str]:
        """Return the architectures of an image, from its index or else from its configuration.

        https://github.com/opencontainers/image-spec/blob/main/image-index.md
        https://github.com/opencontainers/image-spec/blob/main/config.md
        """
        if manifest.entries:
            # Attestations are entries with an unknown platform.
            return {_architecture(each) for each in manifest.entries} - {"", "unknown"}
        if "config" not in manifest.content:
            return set()
        with self.open_blob(manifest.content["config"]["digest"]) as answer:
            configuration = json.loads(answer.read(CONFIGURATION_BYTES))
        return {configuration["architecture"]} if "architecture" in configuration else set()

    def push(self, source: ImageSource, manifest: Manifest, tag: str | None) -> None:
        """Push an image, and the images that it lists if it is an index."""
        for entry in manifest.entries:
            self.push(source, source.manifest(entry["digest"]), None)
        with ThreadPoolExecutor(UPLOADS) as pool:
            list(pool.map(lambda digest: self._upload(source, digest), manifest.blobs))
        ecr = self.connection.ecr
        with suppress(ecr.exceptions.ImageAlreadyExistsException):
            ecr.put_image(
                repositoryName=self.name,
                imageManifest=manifest.text,
                imageManifestMediaType=manifest.media_type,
                imageDigest=manifest.digest,
                **({"imageTag": tag} if tag else {}),
            )

    def _upload(self, source: ImageSource, digest: str) -> None:
        ecr, repository = self.connection.ecr, self.name
        layers = ecr.batch_check_layer_availability(
            repositoryName=repository, layerDigests=[digest]
        )["layers"]
        if any(layer.get("layerAvailability") == "AVAILABLE" for layer in layers):
            return
        upload = ecr.initiate_layer_upload(repositoryName=repository)
        first = 0
        with source.open_blob(digest) as content:
            while part := content.read(upload["partSize"]):
                ecr.upload_layer_part(
                    repositoryName=repository,
                    uploadId=upload["uploadId"],
                    partFirstByte=first,
                    partLastByte=first + len(part) - 1,
                    layerPartBlob=part,
                )
                first += len(part)
        # Another deployment may have pushed it in the meantime.
        with suppress(ecr.exceptions.LayerAlreadyExistsException):
            ecr.complete_layer_upload(
                repositoryName=repository, uploadId=upload["uploadId"], layerDigests=[digest]
            )

    def wait_for_scan(self, digest: str, report_wait: Callable[[], None]) -> None:
        """Wait until ECR has scanned an image, if it does; a preflight check reports the result."""
        begin, is_reported = time.monotonic(), False
        with suppress(TimeoutError):
            for _ in poll(SCAN_SECONDS):
                try:
                    answer = self.connection.ecr.describe_image_scan_findings(
                        repositoryName=self.name, imageId={"imageDigest": digest}
                    )
                except ClientError as error:
                    waited = time.monotonic() - begin
                    if code_of(error) != "ScanNotFoundException" or waited > SCAN_START_SECONDS:
                        return
                else:
                    if answer.get("imageScanStatus", {}).get("status") not in SCANNING:
                        return
                    if not is_reported:
                        report_wait()
                    is_reported = True


def _architecture(entry: Mapping[str, Any]) -> str:
    return str(entry.get("platform", {}).get("architecture", ""))
