"""The choice of a container builder, its arguments, and the tags of commits."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from images import Builders, write_image
from iot_pipeline_cfn.deploy.builders import BUILDERS, build, commit_tag, find_builder
from iot_pipeline_cfn.deploy.errors import DeploymentError
from iot_pipeline_cfn.deploy.image_archive import ImageArchive


@pytest.fixture
def builders(tmp_path, monkeypatch):
    """The only executables on the path."""
    builders = Builders(tmp_path / "bin")
    write_image(builders.archive)
    monkeypatch.setenv("PATH", str(builders.directory))
    return builders


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ({"docker": (), "podman": ()}, ["docker", "buildx", "build"]),
        ({"docker": ("buildx",), "podman": ()}, ["docker", "build"]),
        ({"docker": ("version",), "podman": ()}, ["podman", "build"]),
        ({"podman": ("info",), "buildah": ()}, ["buildah", "build"]),
        ({"finch": ()}, ["finch", "build"]),
    ],
)
def test_first_builder_that_answers_is_used(builders, installed, chosen):
    """An engine that does not run, or lacks a plug-in, is as good as none."""
    for name, fails in installed.items():
        builders.install(name, *fails)
    assert [*find_builder().build[: len(chosen)]] == chosen


def test_without_a_builder_the_error_names_them(builders):
    builders.install("docker", "version")
    with pytest.raises(DeploymentError, match="docker, podman, buildah, finch") as error:
        find_builder()
    assert error.value.code == "no-builder"


@pytest.mark.parametrize("number", range(len(BUILDERS)))
def test_builder_builds_for_the_platform_and_writes_an_archive(builders, tmp_path, number):
    builder = BUILDERS[number]
    builders.install(builder.build[0])
    archive = tmp_path / "written.tar"
    build(builder, Path("any directory"), "arm64", archive)
    built, saved = builders.calls
    assert built[: len(builder.build)] == [*builder.build]
    assert built[-5:-1] == ["--platform", "linux/arm64", "--tag", "iot-pipeline:build"]
    assert built[-1] == str(Path("any directory").absolute())
    assert str(archive) in saved[-1] + saved[-2]
    assert [*ImageArchive(archive).images()] == ["amd64"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["buildah", "podman"])
def test_real_builder_writes_an_archive_for_the_platform(tmp_path, monkeypatch, name):
    """It builds from nothing, because no registry may be within reach."""
    if not shutil.which(name):
        pytest.skip(f"needs the package {name}")
    storage = ["[storage]", 'driver = "vfs"']
    storage += [f'{each} = "{tmp_path / each}"' for each in ("graphroot", "runroot")]
    (tmp_path / "storage.conf").write_text("\n".join(storage))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /any\n")
    (builder,) = (each for each in BUILDERS if each.build[0] == name)
    build(builder, tmp_path / "app", "arm64", tmp_path / "image.tar")
    archive = ImageArchive(tmp_path / "image.tar")
    manifest = archive.images()["arm64"]
    assert archive.with_compressed_layers(manifest) == manifest
    (layer,) = manifest.content["layers"]
    with archive.open_blob(layer["digest"]) as blob, tarfile.open(fileobj=blob) as content:
        assert content.getnames() == ["any"]


def test_failed_build_is_an_error(builders, tmp_path):
    builders.install("podman", "save")
    with pytest.raises(DeploymentError) as error:
        build(BUILDERS[2], tmp_path, "amd64", tmp_path / "written.tar")
    assert error.value.code == "build-failed"
    assert error.value.details["argv"][:2] == ["podman", "save"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A function that runs Git in a repository with a committed directory."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*arguments):
        options = ("-c", "user.name=any", "-c", "user.email=any@example.com")
        command = ["git", "-C", str(tmp_path), *options, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "images/a b").mkdir(parents=True)
    (tmp_path / "images/a b/Dockerfile").write_text("FROM scratch")
    (tmp_path / ".gitignore").write_text("ignored")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "any")
    git.directory = tmp_path / "images/a b"
    return git


def test_tag_of_a_commit_names_directory_and_architecture(checkout, tmp_path):
    commit = checkout("rev-parse", "--short=12", "HEAD")
    (tmp_path / "elsewhere").write_text("not part of the image")
    assert commit_tag(checkout.directory, "arm64") == f"{commit}-images-a-b-arm64"
    (tmp_path / "elsewhere").unlink()
    assert commit_tag(tmp_path, "amd64") == f"{commit}-amd64"


@pytest.mark.parametrize("name", ["Dockerfile", "untracked", "ignored"])
def test_directory_with_more_than_the_commit_has_no_tag(checkout, name):
    """A builder sends ignored files too."""
    (checkout.directory / name).write_text("changed")
    assert commit_tag(checkout.directory, "amd64") is None


def test_directory_outside_of_git_has_no_tag(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_tag(tmp_path, "amd64") is None
    monkeypatch.setenv("PATH", "")
    assert commit_tag(tmp_path, "amd64") is None


def test_empty_directory_of_a_repository_has_no_tag(checkout):
    (checkout.directory / "empty").mkdir()
    assert commit_tag(checkout.directory / "empty", "amd64") is None
