"""Rendering templates, and writing and comparing their files."""

import json

from troposphere import Parameter, Template
from troposphere.sns import Topic

from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.rendering import (
    MAXIMUM_DIFFERENCES,
    Staleness,
    find_stale_files,
    render,
)


def small_template():
    template = Template(Description="Small")
    template.add_parameter(Parameter("Size", Type="Number"))
    template.add_resource(Topic("Topic"))
    return template


def test_text_is_sorted_json_with_two_spaces_and_a_newline():
    text = render(small_template().to_dict()).text
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_rendering_counts_entries_and_bytes():
    done = render(small_template().to_dict())
    sections = ("Resources", "Parameters", "Outputs")
    assert [done.count(section) for section in sections] == [1, 1, 0]
    assert done.bytes_sent() == len(json.dumps(json.loads(done.text), separators=(",", ":")))


def test_nothing_is_stale_right_after_writing(tmp_path):
    write(tmp_path / "a.json", "text\n")
    assert not list(find_stale_files(tmp_path, {"a.json": "text\n"}))


def test_stale_files_have_a_reason_and_their_first_differences(tmp_path):
    text = "".join(f"{number}\n" for number in range(100))
    (tmp_path / "changed.json").write_text(text.replace("7\n", "seven\n", 1))
    (tmp_path / "crlf.json").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "old.json").write_text("{}\n")
    (tmp_path / "notes.txt").write_text("No text is rendered to files with this suffix.\n")
    texts = dict.fromkeys(("changed.json", "crlf.json", "missing.json"), text)
    found = {file.path.stem: file for file in find_stale_files(tmp_path, texts)}
    assert {name: file.reason for name, file in found.items()} == {
        "changed": Staleness.DIFFERENT,
        "crlf": Staleness.DIFFERENT,
        "missing": Staleness.MISSING,
        "old": Staleness.OBSOLETE,
    }
    assert {"-seven", "+7"} <= {*found["changed"].differences}
    assert not found["crlf"].differences


def test_only_the_first_differences_are_kept(tmp_path):
    (tmp_path / "a.json").write_text("a\n" * 1000)
    (file,) = find_stale_files(tmp_path, {"a.json": "b\n" * 1000})
    assert len(file.differences) == MAXIMUM_DIFFERENCES
