"""Reading and writing files."""

import errno
import os

import pytest

from iot_pipeline_cfn.template.files import UnreadableFileError, last_line, load_object, write


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"Parameters": {"A": "1", "A": "2"}}',
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"ImageTag": "\\ud800"}',
        None,
    ],
)
def test_file_that_is_not_a_json_object_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "any.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as raised:
        load_object(path)
    assert raised.value.path == path
    assert str(raised.value) == f"{path}: {raised.value.reason}"
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line"), [("first\n  last \n\n", "last"), (" \n", "the log is empty")]
)
def test_last_line_of_a_log(tmp_path, text, line):
    (tmp_path / "log").write_text(text)
    assert last_line(tmp_path / "log") == line


def test_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "a.json"
    write(path, "long text\n")
    write(path, "text\n")
    assert path.read_text() == "text\n"
    assert list(path.parent.iterdir()) == [path]


def test_write_does_not_touch_a_file_with_the_same_text(tmp_path):
    """Make would rebuild everything that depends on it."""
    path = tmp_path / "a.json"
    write(path, "text\n")
    os.utime(path, (1, 1))
    write(path, "text\n")
    assert path.stat().st_mtime == 1


def test_write_follows_a_symbolic_link(tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real.json")
    write(link, "text\n")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "text\n"


def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write(path, "old\n")

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device") as raised:
        write(path, "new\n")
    assert raised.value.filename == str(path)
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]
