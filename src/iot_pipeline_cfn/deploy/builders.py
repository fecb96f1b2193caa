"""Container builders: the one that works on this machine, and the archive that it writes."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import DeploymentError

BUILD_TAG: Final = "iot-pipeline:build"
"""The tag of what was built last, among the images of this machine."""

_SAVE_DOCKER: Final = ("docker", "image", "save", "--output", "{archive}", BUILD_TAG)


@dataclass(frozen=True)
class Builder:
    """The commands that tell whether a builder works, build, and write an OCI image layout."""

    probes: Sequence[Sequence[str]]
    build: Sequence[str]
    save: Sequence[str]


BUILDERS: Final = (
    Builder(
        (("docker", "buildx", "version"), ("docker", "version")),
        # An attestation would make an index of the image.
        ("docker", "buildx", "build", "--load", "--provenance=false"),
        _SAVE_DOCKER,
    ),
    Builder((("docker", "version"),), ("docker", "build"), _SAVE_DOCKER),
    Builder(
        (("podman", "info"),),
        ("podman", "build"),
        ("podman", "save", "--format", "oci-archive", "--output", "{archive}", BUILD_TAG),
    ),
    Builder(
        (("buildah", "info"),),
        ("buildah", "build"),
        ("buildah", "push", BUILD_TAG, "oci-archive:{archive}"),
    ),
    Builder(
        (("finch", "info"),),
        ("finch", "build"),
        ("finch", "save", "--output", "{archive}", BUILD_TAG),
    ),
)
"""In the order of preference.

Exporters of BuildKit that write an archive themselves are missing from Docker's default driver
without the containerd image store (https://docs.docker.com/build/exporters/oci-docker/).
"""


def find_builder() -> Builder:
    """Return the first builder that is installed and answers.

    Raises:
        DeploymentError: when there is none.

    """
    for builder in BUILDERS:
        if all(map(_succeeds, builder.probes)):
            return builder
    message = (
        "no container builder answers (docker, podman, buildah, finch): start one, or deploy an "
        "image that ECR has, --image ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:... "
        "(make: IMAGE=...)"
    )
    raise DeploymentError(message, code="no-builder")


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def build(builder: Builder, directory: Path, platform: str, archive: Path) -> None:
    """Build a directory for an architecture, and write the image to an archive.

    Raises:
        DeploymentError: when the builder fails.

    """
    options = ("--platform", f"linux/{platform}", "--tag", BUILD_TAG)
    save = [argument.format(archive=archive) for argument in builder.save]
    for command in ([*builder.build, *options, str(directory.absolute())], save):
        # The builder's output goes to stderr, because stdout is for results.
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=2)
        if done.returncode:
            message = f"{' '.join(command)} failed with status {done.returncode}"
            raise DeploymentError(message, code="build-failed", argv=command)


def commit_tag(directory: Path, platform: str) -> str | None:
    """Return the tag of an image that is built from a commit, or None if more is in the directory.

    Files that Git ignores are more, because the builder does not ignore them.
    """
    changed = _git(directory, "status", "--porcelain", "--ignored", "--", ".")
    tracked = _git(directory, "ls-files", "--", ".")
    commit = _git(directory, "rev-parse", "--short=12", "HEAD")
    prefix = _git(directory, "rev-parse", "--show-prefix")
    if changed != "" or not tracked or not commit or prefix is None:
        return None
    # Directories of the same commit, and architectures, have images of their own.
    name = re.sub(r"[^\w.-]+", "-", prefix.strip("/"), flags=re.ASCII)
    return "-".join(part for part in (commit, name[-100:], platform) if part)


def _git(directory: Path, *arguments: str) -> str | None:
    """Return the output of Git about a directory, or None where there is no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, check=False, text=True
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()
