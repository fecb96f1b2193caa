"""Container images as builders write them, and builders that only pretend to build."""

import hashlib
import io
import json
import shutil
import sys
import tarfile

OCI = "application/vnd.oci.image"
LAYER = f"{OCI}.layer.v1.tar"


class Layout:
    """The content of an archive with an OCI image layout."""

    def __init__(self):
        self.blobs: dict[str, bytes] = {}

    def add(self, content, media_type, **more):
        """Add a blob and return its descriptor."""
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content), **more}

    def add_image(self, architecture, *layers, layer_type=LAYER):
        """Add an image whose layers have these contents, and return its descriptor."""
        ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        configuration = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": ids},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.add(configuration, f"{OCI}.config.v1+json"),
            "layers": [self.add(layer, layer_type) for layer in layers],
        }
        platform = {"os": "linux", "architecture": architecture}
        return self.add(manifest, f"{OCI}.manifest.v1+json", platform=platform)

    def add_index(self, *descriptors):
        """Add an index of images, and return its descriptor."""
        media_type = f"{OCI}.index.v1+json"
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": [*descriptors]}
        return self.add(index, media_type)

    def write(self, path, *descriptors):
        """Write an archive of these images."""
        files = {f"blobs/{digest.replace(':', '/')}": self.blobs[digest] for digest in self.blobs}
        index = {"schemaVersion": 2, "manifests": [*descriptors]}
        files["index.json"] = json.dumps(index).encode()
        files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
        with tarfile.open(path, "w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path


def layer_of(**files):
    """Return a layer with files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as layer:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            layer.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def write_image(path, architecture="amd64", text="any"):
    """Write an archive with an image of one layer."""
    layout = Layout()
    return layout.write(path, layout.add_image(architecture, layer_of(file=text)))


FAKE = """#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write(json.dumps([pathlib.Path(__file__).name, *sys.argv[1:]]) + "\\n")
if sys.argv[1] in {fails}:
    sys.exit(1)
words = [word for argument in sys.argv for word in argument.split(":")]
for word in words:
    if word.endswith(".tar"):
        shutil.copy(here / "image.tar", word)
"""


class Builders:
    """A directory of executables, of which none builds anything: each writes the same archive."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        (directory / "git").symlink_to(shutil.which("git"))

    def install(self, name, *fails):
        """Install a builder, whose commands with these first arguments fail."""
        path = self.directory / name
        path.write_text(FAKE.format(python=sys.executable, fails={*fails} or "()"))
        path.chmod(0o755)

    @property
    def archive(self):
        """The archive that the builders write."""
        return self.directory / "image.tar"

    @property
    def calls(self):
        """The arguments of each call."""
        path = self.directory / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
