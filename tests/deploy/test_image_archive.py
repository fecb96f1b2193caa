"""Archives with an OCI image layout."""

import gzip

import pytest

from images import LAYER, OCI, Layout, layer_of, write_image
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.image_archive import ImageArchive

CONTENT = layer_of(file="content")


def blob(source, digest):
    with source.open_blob(digest) as content:
        return content.read()


def test_images_are_found_by_architecture_also_in_a_nested_index(tmp_path):
    layout = Layout()
    amd64, arm64 = (layout.add_image(each, CONTENT) for each in ("amd64", "arm64"))
    attestation = layout.add_image("unknown", b"{}", layer_type="application/vnd.in-toto+json")
    absent = {**arm64, "digest": f"sha256:{'0' * 64}"}
    index = layout.add_index(absent, arm64, attestation)
    path = layout.write(tmp_path / "image.tar", amd64, index)
    found = ImageArchive(path).images()
    assert (found["amd64"].digest, found["arm64"].digest) == (amd64["digest"], arm64["digest"])


@pytest.mark.parametrize(
    ("media_type", "compressed"),
    [
        (LAYER, f"{LAYER}+gzip"),
        (
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    ],
)
def test_layers_are_compressed_to_the_same_digest_each_time(tmp_path, media_type, compressed):
    layout = Layout()
    image = layout.add_image("amd64", CONTENT, layer_type=media_type)
    digests = set()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        archive = ImageArchive(layout.write(tmp_path / name / "image.tar", image))
        manifest = archive.with_compressed_layers(archive.images()["amd64"])
        (layer,) = manifest.content["layers"]
        assert layer["mediaType"] == compressed
        content = blob(archive, layer["digest"])
        assert (len(content), gzip.decompress(content)) == (layer["size"], CONTENT)
        assert b"architecture" in blob(archive, manifest.content["config"]["digest"])
        digests.add(manifest.digest)
    assert len(digests) == 1


def test_compressed_image_keeps_its_digest(tmp_path):
    layout = Layout()
    image = layout.add_image("amd64", gzip.compress(CONTENT), layer_type=f"{LAYER}+gzip")
    archive = ImageArchive(layout.write(tmp_path / "image.tar", image))
    manifest = archive.with_compressed_layers(archive.images()["amd64"])
    assert (manifest.digest, manifest.media_type) == (image["digest"], f"{OCI}.manifest.v1+json")


def test_archive_without_an_oci_layout_is_refused(tmp_path):
    """Docker before 25 writes one of its own."""
    for path in (tmp_path / "missing.tar", Layout().write(tmp_path / "other.tar", {})):
        with pytest.raises(DeploymentError) as error:
            ImageArchive(path).images()
        assert error.value.code == "no-oci-image"


def test_archive_has_no_manifests_of_an_index(tmp_path):
    with pytest.raises(LookupError):
        ImageArchive(write_image(tmp_path / "image.tar")).manifest("sha256:any")
