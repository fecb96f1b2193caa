"""Layers of images that are pushed through ECR's API, which ministack accepts and forgets.

They are kept where ministack's registry protocol keeps those that a container engine pushes, so
each way finds what the other has pushed.
"""

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecr

from .control import HOST
from .resource_types import Answer, wrap

Call = Callable[[Mapping[str, Any]], Answer]


def patch() -> None:
    """Patch the calls about layers, and keep manifests for the registry protocol."""
    ecr._batch_check_layer_availability = check_layers
    ecr._upload_layer_part = upload_part
    ecr._complete_layer_upload = complete_upload
    ecr._get_download_url_for_layer = locate_layer
    wrap(ecr, "_put_image", keep_manifest)


def check_layers(call: Mapping[str, Any]) -> Answer:
    """Tell which layers a repository has."""
    blobs = ecr._layer_blobs.get(call["repositoryName"], {})
    layers = [
        {
            "layerDigest": digest,
            "layerAvailability": "AVAILABLE" if digest in blobs else "UNAVAILABLE",
        }
        for digest in call["layerDigests"]
    ]
    answer: Answer = json_response({"layers": layers, "failures": []})
    return answer


def upload_part(call: Mapping[str, Any]) -> Answer:
    """Keep a part of a layer, which must begin where the last one ended."""
    content = ecr._uploads.setdefault(call["repositoryName"], {}).setdefault(
        call["uploadId"], bytearray()
    )
    part = base64.b64decode(call["layerPartBlob"])
    first, last = call["partFirstByte"], call["partLastByte"]
    if (first, last) != (len(content), len(content) + len(part) - 1):
        return _refused("InvalidLayerPartException", f"a part has the bytes {first} to {last}")
    content += part
    answer: Answer = json_response({"uploadId": call["uploadId"], "lastByteReceived": last})
    return answer


def complete_upload(call: Mapping[str, Any]) -> Answer:
    """Keep a layer whose parts have its digest."""
    repository, (digest,) = call["repositoryName"], call["layerDigests"]
    content = ecr._uploads.get(repository, {}).pop(call["uploadId"], b"")
    if ecr._content_digest(content) != digest:
        return _refused("InvalidLayerException", f"the parts do not have the digest {digest}")
    blobs = ecr._layer_blobs.setdefault(repository, {})
    if digest in blobs:
        return _refused("LayerAlreadyExistsException", f"{digest} exists")
    blobs[digest] = bytes(content)
    answer: Answer = json_response({"uploadId": call["uploadId"], "layerDigest": digest})
    return answer


def locate_layer(call: Mapping[str, Any]) -> Answer:
    """Return the URL of a layer in the registry."""
    repository, digest = call["repositoryName"], call["layerDigest"]
    if digest not in ecr._layer_blobs.get(repository, {}):
        return _refused("LayersNotFoundException", f"{digest} does not exist")
    # Without credentials the request names account and Region as containerd names a registry.
    registry = ecr._repo_uri(repository).partition("/")[0]
    server = f"http://{HOST}:{os.environ['GATEWAY_PORT']}"
    url = f"{server}/v2/{repository}/blobs/{digest}?ns={registry}"
    answer: Answer = json_response({"downloadUrl": url, "layerDigest": digest})
    return answer


def keep_manifest(put: Call) -> Call:
    """Keep the manifest of an image, by whose digest the registry finds it."""

    def patched(call: Mapping[str, Any]) -> Answer:
        answer = put(call)
        if answer[0] == 200:
            content = call["imageManifest"].encode()
            manifests = ecr._manifest_blobs.setdefault(call["repositoryName"], {})
            manifests[ecr._content_digest(content)] = content
        return answer

    return patched


def _refused(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
