"""Layers that are pushed through ECR's API."""

import hashlib
from urllib.request import urlopen

import pytest

CONTENT = b"layer"
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def ecr(aws):
    client = aws("ecr")
    client.create_repository(repositoryName="any")
    return client


def upload(ecr, *parts, digest=DIGEST, first=0):
    """Upload the parts of a layer, of which the first begins at this byte."""
    upload_id = ecr.initiate_layer_upload(repositoryName="any")["uploadId"]
    for part in parts:
        ecr.upload_layer_part(
            repositoryName="any",
            uploadId=upload_id,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
        first += len(part)
    return ecr.complete_layer_upload(
        repositoryName="any", uploadId=upload_id, layerDigests=[digest]
    )


def test_uploaded_layer_can_be_downloaded(ecr):
    assert upload(ecr, b"la", b"yer")["layerDigest"] == DIGEST
    url = ecr.get_download_url_for_layer(repositoryName="any", layerDigest=DIGEST)["downloadUrl"]
    with urlopen(url) as answer:
        assert answer.read() == CONTENT
    found = ecr.batch_check_layer_availability(
        repositoryName="any", layerDigests=[DIGEST, f"sha256:{'0' * 64}"]
    )["layers"]
    assert [layer["layerAvailability"] for layer in found] == ["AVAILABLE", "UNAVAILABLE"]


def test_layer_that_exists_is_not_accepted_again(ecr):
    upload(ecr, CONTENT)
    with pytest.raises(ecr.exceptions.LayerAlreadyExistsException):
        upload(ecr, CONTENT)


def test_incomplete_layer_is_refused(ecr):
    with pytest.raises(ecr.exceptions.InvalidLayerException):
        upload(ecr, b"la")
    with pytest.raises(ecr.exceptions.InvalidLayerPartException):
        upload(ecr, CONTENT, first=1)
