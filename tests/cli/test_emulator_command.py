"""Starting, showing and stopping the emulator of a directory."""

import pytest

from checkout import REGION
from deploying import Project
from iot_pipeline_cfn.emulator.control import DIRECTORY, RECORDED, running

pytestmark = pytest.mark.slow


def test_emulator_of_the_directory_is_started_shown_and_stopped(tmp_path):
    project = Project(tmp_path, "1" * 12, "http://127.0.0.1:9", REGION)
    assert project.run("emulator", "stop").status == 0
    started = project.run("emulator", "start")
    found = running(tmp_path / DIRECTORY)
    assert (started.status, found.endpoint_url in started.out) == (0, True)
    again = project.run("emulator", "start")
    assert (again.status, again.out) == (0, started.out)
    first, *recorded = project.run("emulator", "status").out.splitlines()
    assert found.endpoint_url in first
    assert [line.split()[2].strip(",") for line in recorded] == sorted(RECORDED)
    assert project.run("emulator", "stop").status == 0
    assert running(tmp_path / DIRECTORY) is None
    assert found.endpoint_url not in project.run("emulator", "status").out
