"""Images in ECR: references, manifests, pushes, copies, scans."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
from botocore.stub import Stubber

from checkout import REGION
from images import Layout, layer_of
from iot_pipeline_cfn.deploy import image_registry
from iot_pipeline_cfn.deploy.connection import Connection, Target, emulator_session
from iot_pipeline_cfn.deploy.image_archive import ImageArchive
from iot_pipeline_cfn.deploy.image_registry import ImageReference, ImageRepository
from iot_pipeline_cfn.rehearsal.servers import free_port

DIGEST = f"sha256:{'a' * 64}"
HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PART = 10 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{HOST}/team/any@{DIGEST}", DIGEST),
        (f"{HOST}/team/any:v1.2", "v1.2"),
        (f"{HOST}.cn/team/any:v1", "v1"),
        (f"{HOST}/team/any", None),
        (f"{HOST}/team/any@{DIGEST[:-1]}", None),
        (f"https://{HOST}/team/any:v1", None),
        ("docker.io/library/python:3", None),
        ("examples/processor", None),
    ],
)
def test_reference_is_an_image_of_ecr_with_a_tag_or_a_digest(text, name):
    reference = ImageReference.parse(text)
    assert (reference and reference.name) == name
    if reference:
        place = (reference.account, reference.region, reference.repository)
        assert place == ("123456789012", "eu-west-1", "team/any")


@pytest.fixture
def repository(connect_to):
    """A function that creates a repository in the emulator."""

    def create(name, connection=None):
        connection = connection or connect_to()
        connection.ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
        return ImageRepository(connection, name)

    return create


def archive_of(path, *layers, architecture="amd64"):
    """Return an archive with an image of these layers, and its manifest."""
    layout = Layout()
    archive = ImageArchive(layout.write(path, layout.add_image(architecture, *layers)))
    return archive, archive.images()[architecture]


def blob(source, digest):
    with source.open_blob(digest) as content:
        return content.read()


def test_pushed_image_can_be_read_again_byte_by_byte(repository, tmp_path):
    """A layer that is larger than a part arrives in several."""
    large = bytes(range(256)) * (PART // 256) + b"end"
    archive, manifest = archive_of(tmp_path / "image.tar", layer_of(file="any"), large)
    pushed = repository("any")
    pushed.push(archive, manifest, "v1")
    assert pushed.find("v1") == pushed.find(manifest.digest) == manifest
    assert pushed.tags(manifest.digest) == ["v1"]
    assert pushed.architectures(manifest) == {"amd64"}
    for digest in manifest.blobs:
        assert blob(pushed, digest) == blob(archive, digest)


def test_what_the_repository_has_is_not_uploaded_again(repository, tmp_path):
    archive, manifest = archive_of(tmp_path / "image.tar", layer_of(file="any"))
    pushed = repository("any")
    pushed.push(archive, manifest, "v1")
    archive.path.unlink()
    pushed.push(archive, manifest, "v2")
    assert {*pushed.tags(manifest.digest)} == {"v1", "v2"}
    assert pushed.find("v3") is None


def test_index_is_copied_with_its_images_and_keeps_its_digest(repository, tmp_path):
    source, target = repository("source"), repository("target")
    images = {}
    for name in ("amd64", "arm64"):
        archive, manifest = archive_of(
            tmp_path / f"{name}.tar", layer_of(file=name), architecture=name
        )
        source.push(archive, manifest, name)
        images[name] = manifest
    platforms = [
        {"digest": each.digest, "mediaType": each.media_type, "platform": {"architecture": name}}
        for name, each in images.items()
    ]
    text = json.dumps({"schemaVersion": 2, "manifests": platforms})
    source.connection.ecr.put_image(
        repositoryName="source",
        imageManifest=text,
        imageManifestMediaType="application/vnd.oci.image.index.v1+json",
        imageTag="both",
    )
    index = source.find("both")
    target.push(source, index, "both")
    copied = target.find(index.digest)
    assert copied == index
    assert target.architectures(copied) == {"amd64", "arm64"}
    assert copied.digest_for("arm64") == images["arm64"].digest
    for manifest in images.values():
        assert target.find(manifest.digest) == manifest
        assert all(blob(target, each) == blob(source, each) for each in manifest.blobs)


@contextmanager
def registry(directory):
    """Serve a registry of the Distribution project, which checks what it is given."""
    port = free_port()
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    path = directory / "registry.yml"
    path.write_text(json.dumps(configuration))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/v2/").close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(
    not (shutil.which("skopeo") and shutil.which("docker-registry")),
    reason="needs the packages skopeo and docker-registry",
)
def test_other_tools_can_pull_what_was_pushed(repository, emulator, tmp_path):
    """Skopeo pulls the image from the emulator, and a registry accepts it from there."""
    # Without credentials, the emulator's registry serves the default account.
    connection = Connection(emulator_session(), REGION, Target.LOCAL, emulator.endpoint_url)
    layer = layer_of(file="content")
    archive, built = archive_of(tmp_path / "image.tar", layer)
    manifest = archive.with_compressed_layers(built)
    repository("pulled", connection).push(archive, manifest, "v1")
    host = emulator.endpoint_url.removeprefix("http://")
    with registry(tmp_path) as port:
        source = f"docker://{host}/pulled@{manifest.digest}"
        target = f"docker://127.0.0.1:{port}/any:v1"
        options = ["--insecure-policy", "copy", "--preserve-digests"]
        insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        subprocess.run(["skopeo", *options, *insecure, source, target], check=True)
        shown = subprocess.check_output(["skopeo", "inspect", "--tls-verify=false", target])
    described = json.loads(shown)
    assert described["Digest"] == manifest.digest
    assert (described["Architecture"], described["Os"]) == ("amd64", "linux")
    assert described["Layers"] == manifest.blobs[1:]


ABSENT = "ScanNotFoundException"


def wait_for_scan(stubbed, *answers):
    """Wait for a scan about which ECR gives these answers, which must all be used.

    Return how often the wait was reported.
    """
    reports = []
    with Stubber(stubbed.ecr) as stubber:
        for answer in answers:
            if answer.isupper():
                response = {"imageScanStatus": {"status": answer}}
                stubber.add_response("describe_image_scan_findings", response)
            else:
                stubber.add_client_error("describe_image_scan_findings", answer)
        ImageRepository(stubbed, "any").wait_for_scan(DIGEST, lambda: reports.append(1))
        stubber.assert_no_pending_responses()
    return len(reports)


@pytest.mark.parametrize(
    ("answers", "reports"),
    [([ABSENT, "PENDING", "IN_PROGRESS", "COMPLETE"], 1), (["ACTIVE"], 0), (["AccessDenied"], 0)],
)
def test_scan_is_waited_for(stubbed, answers, reports):
    """It begins some seconds after the push, and ends as COMPLETE or, by Inspector, as ACTIVE."""
    assert wait_for_scan(stubbed, *answers) == reports


def test_scan_that_does_not_begin_is_not_waited_for(stubbed, monkeypatch):
    monkeypatch.setattr(image_registry, "SCAN_START_SECONDS", 0)
    wait_for_scan(stubbed, ABSENT)


def test_scan_that_does_not_end_is_not_waited_for(stubbed, monkeypatch):
    monkeypatch.setattr(image_registry, "SCAN_SECONDS", 0.01)
    wait_for_scan(stubbed, "PENDING")
