"""The emulator's process: one for each directory, found as long as it runs, gone when stopped."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import pytest

from checkout import REGION, ROOT, run
from iot_pipeline_cfn.emulator.control import TEMPLATE_BUCKET, EmulatorError, running, start, stop

START = """import sys
from pathlib import Path
from iot_pipeline_cfn.emulator.control import start
print(start(Path(sys.argv[1]), "ap-northeast-1").endpoint_url)
"""


@pytest.fixture
def directory(tmp_path):
    """A directory whose emulator is stopped after the test."""
    yield tmp_path / "checkout" / ".emulator"
    stop(tmp_path / "checkout" / ".emulator")


def port_of(emulator):
    return int(emulator.endpoint_url.rpartition(":")[2])


def health(emulator):
    """Return the status with which the emulator answers."""
    connection = HTTPConnection("127.0.0.1", port_of(emulator), timeout=5)
    with closing(connection):
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status


def client_of(session, emulator):
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "any")
    return closing(session.client("sqs", **keys, endpoint_url=emulator.endpoint_url))


def queues(client):
    return client.list_queues().get("QueueUrls", [])


def wait_until_gone(emulator):
    deadline = time.monotonic() + 6
    while True:
        try:
            health(emulator)
        except OSError:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_started_emulator_answers(emulator):
    assert health(emulator) == 200
    assert timedelta() < datetime.now(UTC) - emulator.started < timedelta(hours=1)


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")]
)
def test_emulator_is_bound_to_one_loopback_address(emulator, family, address):
    with socket.socket(family) as client:
        assert client.connect_ex((address, port_of(emulator))) != 0


def test_every_account_has_the_template_bucket(aws):
    s3 = aws("s3")
    s3.put_object(Bucket=TEMPLATE_BUCKET, Key="any.json", Body=b"{}")
    listed = s3.list_objects_v2(Bucket=TEMPLATE_BUCKET)["Contents"]
    assert [each["Key"] for each in listed] == ["any.json"]


def test_second_start_finds_the_first_emulator(directory):
    assert start(directory, REGION) == start(directory, REGION) == running(directory)


def test_simultaneous_starts_share_one_emulator(directory):
    starts = [
        subprocess.Popen([sys.executable, "-c", START, directory], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    found = {each.communicate()[0].decode().strip() for each in starts}
    assert found == {running(directory).endpoint_url}
    processes = run("ps", "-e", "-ww", "-o", "args=").stdout.splitlines()
    assert sum(str(directory) in line for line in processes) == 1


def test_stopped_emulator_is_gone(directory):
    assert not stop(directory)
    emulator = start(directory, REGION)
    assert stop(directory)
    assert not stop(directory)
    assert running(directory) is None
    with pytest.raises(ConnectionRefusedError):
        health(emulator)


def test_open_connection_does_not_delay_a_stop(directory, session):
    with client_of(session, start(directory, REGION)) as client:
        client.create_queue(QueueName="any")
        begun = time.monotonic()
        stop(directory)
        assert time.monotonic() - begun < 3


def test_directories_share_neither_resources_nor_their_end(directory, emulator, session):
    own = start(directory, REGION)
    with client_of(session, own) as one, client_of(session, emulator) as other:
        one.create_queue(QueueName="any")
        assert len(queues(one)) == 1
        assert queues(other) == []
    stop(directory)
    assert health(emulator) == 200
    with client_of(session, start(directory, REGION)) as client:
        assert queues(client) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_emulator_is_replaced_and_no_zombie(directory, number):
    emulator = start(directory, REGION)
    os.kill(emulator.process_id, number)
    wait_until_gone(emulator)
    assert start(directory, REGION) != emulator
    children = run("ps", "-e", "-o", "ppid=,stat=").stdout.splitlines()
    states = [line.split()[1] for line in children if line.split()[0] == str(os.getpid())]
    assert not [state for state in states if state.startswith("Z")]


def test_unlocked_description_is_ignored(directory):
    """Another process may have the process ID by now."""
    directory.mkdir(parents=True)
    (directory / "emulator.json").write_text(
        f'{{"port": 1, "process_id": {os.getpid()}, "started": "2026-01-01T00:00:00+00:00"}}'
    )
    assert running(directory) is None
    assert not stop(directory)
    assert health(start(directory, REGION)) == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"port": 1, "process_id": 1, "sta',
        b"\xff",
        b"[]",
        b'{"port": 1, "process_id": "?", "started": "2026-01-01T00:00:00+00:00"}',
        b'{"port": 1, "process_id": 1, "started": "?"}',
    ],
)
def test_damaged_description_is_ignored(directory, content):
    directory.mkdir(parents=True)
    with (directory / "emulator.json").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(content)
        file.flush()
        assert running(directory) is None


def test_emulator_with_its_description_keeps_running(directory):
    emulator = start(directory, REGION)
    time.sleep(2.5)
    assert running(directory) == emulator
    assert health(emulator) == 200


@pytest.mark.parametrize("lost", ["..", ".", "emulator.json"])
def test_emulator_ends_with_its_directory_and_its_description(directory, lost):
    emulator = start(directory, REGION)
    path = (directory / lost).resolve()
    if path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path)
    assert running(directory) is None
    wait_until_gone(emulator)


def truncate(path):
    os.truncate(path, 0)


def replace(path):
    """Replace the file as an editor does."""
    shutil.copy(path.rename(path.with_suffix(".old")), path)


@pytest.mark.parametrize("damage", [truncate, replace])
def test_emulator_with_a_damaged_description_is_replaced(directory, damage):
    before = start(directory, REGION)
    damage(directory / "emulator.json")
    assert running(directory) is None
    after = start(directory, REGION)
    assert after != before
    wait_until_gone(before)
    assert health(after) == 200


def test_stop_waits_for_an_emulator_that_ends_by_itself(directory):
    emulator = start(directory, REGION)
    truncate(directory / "emulator.json")
    assert not stop(directory)
    with pytest.raises(ConnectionRefusedError):
        health(emulator)


def test_environment_variables_of_the_user_change_nothing(directory, monkeypatch):
    for name, value in {
        "AUTH": "true",
        "BIND_HOST": "0.0.0.0",  # noqa: S104
        "GATEWAY_PORT": "1",
        "MINISTACK_ACCOUNT_ID": "999999999999",
        "PERSIST_STATE": "1",
        "USE_SSL": "1",
    }.items():
        monkeypatch.setenv(name, value)
    emulator = start(directory, REGION)
    assert health(emulator) == 200
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.2", port_of(emulator))) != 0


def test_missing_ministack_is_reported_with_the_command_that_installs_it(directory):
    source = f"import sys; sys.path.append({str(ROOT / 'src')!r}); {START}"
    result = run(sys.executable, "-I", "-S", "-c", source, directory)
    assert result.returncode == 1
    assert "pip install '.[local]'" in result.stderr.splitlines()[-1]


def test_failed_start_is_reported_with_the_last_line_of_its_log(directory, tmp_path, monkeypatch):
    broken = tmp_path / "broken" / "ministack"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no such thing')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(EmulatorError) as error:
        start(directory, REGION)
    log = directory / "emulator.log"
    assert str(error.value).endswith(f": ImportError: no such thing (see {log})")
    assert running(directory) is None


def test_unusable_directory_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmulatorError, match="file"):
        start(tmp_path / "file", REGION)
