"""An archive that a container builder has written: a tar file with an OCI image layout.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import gzip
import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from .errors import DeploymentError
from .image_registry import Manifest, digest_of

INDEX: Final = "index.json"
UNCOMPRESSED: Final = {
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": (
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    ),
}
"""The types of layers without compression, and with it. `docker image save` compresses none."""


@dataclass(frozen=True)
class ImageArchive:
    """An archive; compressed layers are written beside it."""

    path: Path
    compressed: dict[str, Path] = field(default_factory=dict)
    """The files of the layers that it does not have, by their digests."""

    def images(self) -> dict[str, Manifest]:
        """Return the manifests of its images by their architectures; attestations have none.

        Raises:
            DeploymentError: when it has no OCI image layout.

        """
        found: dict[str, Manifest] = {}
        try:
            descriptors = json.loads(self._read(INDEX))["manifests"]
            with tarfile.open(self.path) as archive:
                members = {*archive.getnames()}
            while descriptors:
                descriptor = descriptors.pop(0)
                if _member(descriptor["digest"]) not in members:
                    # An index can list architectures that only the registry has.
                    continue
                text = self._read(_member(descriptor["digest"])).decode()
                manifest = Manifest(text, descriptor["mediaType"], descriptor["digest"])
                descriptors += manifest.entries
                if "config" in manifest.content:
                    configuration = self._read(_member(manifest.content["config"]["digest"]))
                    found.setdefault(json.loads(configuration)["architecture"], manifest)
        except (KeyError, OSError, TypeError, ValueError, tarfile.TarError) as error:
            message = f"the builder wrote no OCI image ({error}): Docker needs to be 25 or newer"
            raise DeploymentError(message, code="no-oci-image") from error
        return found

    def with_compressed_layers(self, manifest: Manifest) -> Manifest:
        """Return the manifest with all layers compressed, and the same content each time."""
        layers = [self._compress(layer) for layer in manifest.content["layers"]]
        if layers == manifest.content["layers"]:
            return manifest
        text = json.dumps({**manifest.content, "layers": layers}, separators=(",", ":"))
        return Manifest(text, manifest.media_type, digest_of(text.encode()))

    def manifest(self, digest: str) -> Manifest:
        """Refuse to be asked: what is pushed of an archive is one image, and no index."""
        raise LookupError(digest)

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[BinaryIO]:
        """Open a layer or a configuration."""
        if digest in self.compressed:
            with self.compressed[digest].open("rb") as content:
                yield content
            return
        # Each thread needs a position of its own.
        with tarfile.open(self.path) as archive:
            member = archive.extractfile(_member(digest))
            if member is None:
                raise KeyError(digest)
            yield member  # type: ignore[misc]

    def _read(self, name: str) -> bytes:
        with tarfile.open(self.path) as archive:
            member = archive.extractfile(name)
            return member.read() if member else b""

    def _compress(self, layer: Mapping[str, Any]) -> Mapping[str, Any]:
        media_type = UNCOMPRESSED.get(layer["mediaType"])
        if media_type is None:
            return layer
        path = self.path.with_name(f"{_member(layer['digest']).rpartition('/')[2]}.gz")
        with (
            self.open_blob(layer["digest"]) as source,
            path.open("wb") as file,
            # Neither a name nor a time, so that the digest stays the same.
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as target,
        ):
            shutil.copyfileobj(source, target)
        with path.open("rb") as content:
            digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        self.compressed[digest] = path
        size = path.stat().st_size
        return {**layer, "mediaType": media_type, "digest": digest, "size": size}


def _member(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
