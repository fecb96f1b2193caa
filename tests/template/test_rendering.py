"""Rendering, writing and comparing."""

import errno
import json
import os

import pytest
from troposphere import Parameter, Template
from troposphere.sns import Topic

from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.rendering import render, stale


def small_template():
    template = Template(Description="Small")
    template.add_parameter(Parameter("Size", Type="Number"))
    template.add_resource(Topic("Topic"))
    return template


def test_text_is_json_of_two_spaces_sorted_with_one_newline_at_the_end():
    """The form in which people read it in a pull request."""
    text = render(small_template().to_dict()).text
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_rendering_counts_what_the_template_holds():
    """The size is that of the call to CloudFormation, in bytes."""
    done = render(small_template().to_dict())
    sections = ("Resources", "Parameters", "Outputs")
    assert [done.count(section) for section in sections] == [1, 1, 0]
    assert done.bytes_sent() == len(json.dumps(json.loads(done.text), separators=(",", ":")))


def test_write_replaces_the_whole_file(tmp_path):
    """And leaves nothing else beside it."""
    path = tmp_path / "a.json"
    write(path, "long text\n")
    write(path, "text\n")
    assert path.read_text() == "text\n"
    assert list(path.parent.iterdir()) == [path]


def test_write_leaves_a_file_alone_that_has_the_text(tmp_path):
    """Make takes a file that was written for one that changed."""
    path = tmp_path / "a.json"
    write(path, "text\n")
    os.utime(path, (1, 1))
    write(path, "text\n")
    assert path.stat().st_mtime == 1


def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    """Nothing is ever half-written, and nothing is left beside it."""
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


def test_nothing_is_stale_right_after_writing(tmp_path):
    """What was written is what is compared with."""
    write(tmp_path / "a.json", "text\n")
    assert not list(stale(tmp_path, {"a.json": "text\n"}))


def test_stale_files_come_with_their_first_differences(tmp_path):
    """Missing ones, changed ones, and ones that are rendered no more."""
    text = "".join(f"{number}\n" for number in range(100))
    (tmp_path / "changed.json").write_text(text.replace("7\n", "seven\n", 1))
    (tmp_path / "crlf.json").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "old.json").write_text("{}\n")
    (tmp_path / "notes.txt").write_text("Not of a kind that is rendered.\n")
    found = {
        path.stem: differences
        for path, differences in stale(
            tmp_path, dict.fromkeys(("changed.json", "crlf.json", "missing.json"), text)
        )
    }
    assert found.keys() == {"changed", "crlf", "missing", "old"}
    assert found["changed"][0].startswith("run make template")
    assert "-seven" in found["changed"]
    assert "+7" in found["changed"]
    assert found["crlf"] == [
        "run make template, or see why it changed:",
        "differs in its line ends",
    ]
    assert found["missing"] == ["is missing: run make template"]
    assert found["old"] == ["nothing is rendered to it: remove it"]


def test_only_the_first_of_many_differences_are_shown(tmp_path):
    """Nobody reads a thousand lines in a log."""
    (tmp_path / "a.json").write_text("a\n" * 1000)
    ((_, differences),) = stale(tmp_path, {"a.json": "b\n" * 1000})
    assert len(differences) == 13
