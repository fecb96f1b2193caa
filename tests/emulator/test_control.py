"""The process of the embedded AWS: one to a directory, found as long as it runs, gone when stopped.

What it has of AWS is tested in test_emulator_resources.py.
"""

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
    """A directory whose emulator, if a test leaves one, is stopped."""
    yield tmp_path / "checkout" / ".emulator"
    stop(tmp_path / "checkout" / ".emulator")


def health(emulator):
    """Return the status with which the emulator answers."""
    connection = HTTPConnection(emulator.endpoint_url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status
    finally:
        connection.close()


def client_of(session, emulator):
    return session.client(
        "sqs",
        **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "any"),
        endpoint_url=emulator.endpoint_url,
    )


def queues(client):
    return client.list_queues().get("QueueUrls", [])


def ends(directory):
    """Return whether the emulator of a directory ends within a while."""
    deadline = time.monotonic() + 10
    while running(directory) and time.monotonic() < deadline:
        time.sleep(0.02)
    return running(directory) is None


def test_started_emulator_answers(emulator):
    """As soon as it is said to run."""
    assert health(emulator) == 200


def test_started_emulator_says_when_it_started(emulator):
    """In UTC, and not long ago."""
    assert timedelta() < datetime.now(UTC) - emulator.started < timedelta(hours=1)


def test_emulator_is_reached_from_this_machine_only(emulator):
    """It answers whoever asks, so nobody else may."""
    port = int(emulator.endpoint_url.rpartition(":")[2])
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.2", port)) != 0
    with socket.socket(socket.AF_INET6) as client:
        assert client.connect_ex(("::1", port)) != 0


def test_every_account_has_the_bucket_for_templates(aws):
    """Whatever CloudFormation takes no longer inline is put there."""
    s3 = aws("s3")
    s3.put_object(Bucket=TEMPLATE_BUCKET, Key="any.json", Body=b"{}")
    listed = s3.list_objects_v2(Bucket=TEMPLATE_BUCKET)["Contents"]
    assert [each["Key"] for each in listed] == ["any.json"]


def test_second_start_finds_the_first(directory):
    """With what it holds, and without a second process."""
    assert start(directory, REGION) == start(directory, REGION) == running(directory)


def test_starts_at_the_same_time_end_with_one(directory):
    """Each gets it, and no other process is left."""
    starts = [
        subprocess.Popen([sys.executable, "-c", START, directory], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    found = {each.communicate()[0].decode().strip() for each in starts}
    assert found == {running(directory).endpoint_url}
    processes = run("ps", "-e", "-ww", "-o", "args=").stdout.splitlines()
    assert sum(str(directory) in line for line in processes) == 1


def test_stopped_emulator_is_gone(directory):
    """Its process, its port and its description."""
    assert not stop(directory)
    emulator = start(directory, REGION)
    assert stop(directory)
    assert not stop(directory)
    assert running(directory) is None
    with pytest.raises(ConnectionRefusedError):
        health(emulator)


def test_nothing_is_left_of_a_stopped_emulator(directory, session):
    """The next one begins empty; a client that keeps its connection does not hold up the stop."""
    with closing(client_of(session, start(directory, REGION))) as client:
        client.create_queue(QueueName="any")
        begun = time.monotonic()
        stop(directory)
        assert time.monotonic() - begun < 3
    with closing(client_of(session, start(directory, REGION))) as client:
        assert queues(client) == []


def test_directories_have_emulators_of_their_own(directory, emulator, session):
    """Two checkouts share neither port nor data, nor their end."""
    own = start(directory, REGION)
    with closing(client_of(session, own)) as one, closing(client_of(session, emulator)) as other:
        one.create_queue(QueueName="any")
        assert len(queues(one)) == 1
        assert queues(other) == []
    stop(directory)
    assert health(emulator) == 200


def test_killed_emulator_does_not_run(directory):
    """Its description stays, and says nothing without its process."""
    emulator = start(directory, REGION)
    os.kill(emulator.process_id, signal.SIGKILL)
    assert ends(directory)
    assert start(directory, REGION) != emulator


def test_description_of_a_gone_process_is_not_believed(directory):
    """Not even where another process has its id by now."""
    directory.mkdir(parents=True)
    description = directory / "emulator.json"
    description.write_text(
        f'{{"port": 1, "process_id": {os.getpid()}, "started": "2026-01-01T00:00:00+00:00"}}'
    )
    assert running(directory) is None
    assert not stop(directory)
    assert health(start(directory, REGION)) == 200


def falls_silent(emulator):
    """Return whether an emulator ends within a few seconds."""
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        try:
            health(emulator)
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_emulator_goes_on_as_long_as_it_is_described(directory):
    """Longer than it takes to see that it is not."""
    emulator = start(directory, REGION)
    time.sleep(2.5)
    assert running(directory) == emulator
    assert health(emulator) == 200


@pytest.mark.parametrize("lost", ["..", ".", "emulator.json"])
def test_emulator_ends_with_its_description(directory, lost):
    """However that has gone, since nobody could find it any more."""
    emulator = start(directory, REGION)
    path = (directory / lost).resolve()
    if path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path)
    assert running(directory) is None
    assert falls_silent(emulator)


def emptied(path):
    os.truncate(path, 0)


def replaced(path):
    """As an editor does it: the process keeps a file that is no longer there."""
    shutil.copy(path.rename(path.with_suffix(".old")), path)


@pytest.mark.parametrize("damage", [emptied, replaced])
def test_emulator_ends_with_a_damaged_description(directory, damage):
    """By itself, so that the next one starts within a few seconds."""
    before = start(directory, REGION)
    damage(directory / "emulator.json")
    assert running(directory) is None
    begun = time.monotonic()
    after = start(directory, REGION)
    assert time.monotonic() - begun < 6
    assert after != before
    assert falls_silent(before)
    assert health(after) == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"port": 1, "process_id": 1, "sta',
        b"\xff",
        b"[]",
        b"{}",
        b'{"port": 1, "process_id": "?", "started": "2026-01-01T00:00:00+00:00"}',
        b'{"port": 1, "process_id": 1, "started": 1}',
        b'{"port": 1, "process_id": 1, "started": "?"}',
    ],
)
def test_damaged_description_is_none(directory, content):
    """Though somebody holds it as an emulator does."""
    directory.mkdir(parents=True)
    with (directory / "emulator.json").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(content)
        file.flush()
        assert running(directory) is None
        assert not stop(directory)


def test_stop_waits_for_an_emulator_that_ends_by_itself(directory):
    """There is nothing to stop, and nothing is left."""
    emulator = start(directory, REGION)
    os.truncate(directory / "emulator.json", 0)
    assert not stop(directory)
    with pytest.raises(ConnectionRefusedError):
        health(emulator)


def test_parent_keeps_no_zombie(directory):
    """However many it starts, and however they end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(start(directory, REGION).process_id, number)
        assert ends(directory)
    children = run("ps", "-e", "-o", "ppid=,stat=").stdout.splitlines()
    mine = [line.split()[1] for line in children if line.split()[0] == str(os.getpid())]
    assert not [state for state in mine if state.startswith("Z")]


def test_environment_of_the_user_changes_nothing(directory, monkeypatch):
    """Neither who reaches it, nor whom it lets in, nor what it keeps."""
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
        port = int(emulator.endpoint_url.rpartition(":")[2])
        assert client.connect_ex(("127.0.0.2", port)) != 0


def test_missing_ministack_is_said_with_its_remedy(directory):
    """In one line, and without a process."""
    source = f"import sys; sys.path.append({str(ROOT / 'src')!r}); {START}"
    result = run(sys.executable, "-I", "-S", "-c", source, directory)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith(
        "the embedded AWS is not installed: pip install 'iot-pipeline-cfn[local]'"
    )


def test_failing_start_is_said_with_its_log(directory, tmp_path, monkeypatch):
    """In one line: what it said last, and where the rest stands."""
    broken = tmp_path / "broken" / "ministack"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no such thing')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(EmulatorError) as error:
        start(directory, REGION)
    assert str(error.value) == (
        "the embedded AWS ended while it started: ImportError: no such thing "
        f"(see {directory}/emulator.log)"
    )
    assert running(directory) is None


def test_unusable_directory_is_said(tmp_path):
    """In one line, with its name."""
    (tmp_path / "file").touch()
    with pytest.raises(EmulatorError, match="file"):
        start(tmp_path / "file", REGION)
