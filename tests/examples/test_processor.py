"""The example's processor with PostgreSQL, Redis and the emulator."""

import json
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from itertools import count
from threading import Event

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout import ROOT
from iot_pipeline_cfn.rehearsal import servers
from iot_pipeline_cfn.stack.api import readings_schema
from iot_pipeline_cfn.stack.task import CONTAINER_NAME, MIGRATION_NAME
from processing import PROGRAM, Processor, newest, variables, wait_for
from processor import BODY_BYTES, MIGRATION_VARIABLES, VARIABLES, ConfigurationError
from processor import application as create_application
from readings import NotAReadingError, parse
from resolution import containers_of

EXAMPLE = PROGRAM.parent
DEVICES = (f"press-{number}" for number in count())
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def reading(device_id, second=0, **measurements):
    timestamp = (NOON + timedelta(seconds=second)).isoformat()
    measurements = measurements or {"temperature": 71.5}
    return {"deviceId": device_id, "timestamp": timestamp, "measurements": measurements}


@pytest.fixture(scope="module")
def cache():
    with servers.redis_server() as cache:
        yield cache


@pytest.fixture(scope="module")
def processors(database, cache, application, migration, tmp_path_factory):
    """A function that starts a processor, which ends with the module."""
    migration().run()
    directory = tmp_path_factory.mktemp("processors")
    started = []

    def start(**others):
        log = directory / f"{len(started)}.log"
        started.append(Processor(PROGRAM, variables(database, cache, application, **others), log))
        return started[-1].launch()

    yield start
    for processor in started:
        processor.kill()
        for name in ("DB_PASSWORD", "REDIS_AUTH_TOKEN"):
            assert processor.variables[name] not in processor.logged()


@pytest.fixture(scope="module")
def shared(processors):
    """A processor that tests share."""
    return processors()


@pytest.fixture
def processor(shared, sql):
    """The shared processor, with an empty table."""
    wait_for(lambda: shared.health("/ready") == "200")
    sql("TRUNCATE readings")
    return shared


@pytest.fixture
def device():
    return next(DEVICES)


def stored(sql):
    return sql("SELECT device_id, taken_at, measurements FROM readings ORDER BY 1, 2")


@pytest.mark.parametrize(
    ("name", "variables"), [(CONTAINER_NAME, VARIABLES), (MIGRATION_NAME, MIGRATION_VARIABLES)]
)
def test_variables_are_those_of_the_task_definition(environments, name, variables):
    container = containers_of(environments["defaults"])[name]
    given = {variable["Name"] for variable in container["Environment"] + container["Secrets"]}
    assert given == set(variables)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", [None, ""])
def test_missing_or_empty_variable_is_named(name, value):
    given = dict.fromkeys(VARIABLES, "1") | {name: value}
    with pytest.raises(ConfigurationError, match=rf"^not set: {name}$"):
        create_application(given)


def test_missing_variables_end_the_process_with_one_line(database, cache, application, tmp_path):
    given = variables(database, cache, application, DB_USER="iot", REDIS_PORT="")
    del given["DB_USERNAME"]
    processor = Processor(PROGRAM, given, tmp_path / "log")
    assert processor.start().wait() == 1
    assert processor.logged() == "processor: not set: DB_USERNAME, REDIS_PORT\n"


def test_invalid_port_is_named():
    given = dict.fromkeys(VARIABLES, "1") | {"DB_PORT": "postgres"}
    with pytest.raises(ConfigurationError, match=r"^DB_PORT is not a port: 'postgres'$"):
        create_application(given)


def test_reading_is_stored_in_database_and_cache(processor, sql, cache, device):
    given = reading(device, temperature=71.5, strokes=3) | {
        "timestamp": "2026-01-31T21:00:30.25+09:00"
    }
    status, _, answer = processor.post(given)
    assert (status, answer) == (200, {"received": 1, "stored": 1})
    time = datetime(2026, 1, 31, 12, 0, 30, 250_000, UTC)
    assert stored(sql) == [(device, time, {"temperature": 71.5, "strokes": 3})]
    held = newest(cache, device)
    assert held["timestamp"] == "2026-01-31T12:00:30.250000Z"
    assert json.loads(held["measurements"]) == {"temperature": 71.5, "strokes": 3}


def test_duplicate_reading_is_stored_once(processor, sql, device):
    batch = [reading(device, second) for second in range(500)]
    assert processor.post(batch)[2] == {"received": 500, "stored": 500}
    before = stored(sql)
    assert processor.post(batch)[2] == {"received": 500, "stored": 0}
    assert processor.post(reading(device, 7, temperature=0))[2] == {"received": 1, "stored": 0}
    assert stored(sql) == before
    twice = [reading(device, 500), reading(device, 500)]
    assert processor.post(twice)[2] == {"received": 2, "stored": 1}


def test_overlapping_batches_do_not_deadlock(processor, database, sql, device):
    first, middle, last = (reading(device, second) for second in range(3))
    with database.connect() as other, ThreadPoolExecutor() as threads:
        with other.transaction(force_rollback=True):
            other.execute(
                "INSERT INTO readings VALUES (%s, %s, '{}')", (device, NOON.replace(second=1))
            )
            batches = [first, middle, last], [last, middle, first]
            answers = [threads.submit(processor.post, batch) for batch in batches]
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_for(lambda: sql(waiting) == [(2,)])
        assert [answer.result()[0] for answer in answers] == [200, 200]
    assert len(stored(sql)) == 3


def test_cache_keeps_the_newest_reading(processor, cache, device):
    processor.post([reading(device, 2, a=2), reading(device, 3, a=3), reading(device, 1, a=1)])
    assert json.loads(newest(cache, device)["measurements"]) == {"a": 3}
    processor.post(reading(device, 0, a=0))
    assert json.loads(newest(cache, device)["measurements"]) == {"a": 3}


def test_cache_keeps_a_newer_reading_of_another_task(processor, sql, cache, device):
    processor.post(reading(device, 9, a=9))
    sql("DELETE FROM readings")
    assert processor.post(reading(device, 1, a=1))[0] == 200
    assert json.loads(newest(cache, device)["measurements"]) == {"a": 9}


GOOD = reading("press-7")
BAD = {
    "no JSON": b"{",
    "nothing": b"",
    "no UTF-8": b'"\xff"',
    "not a number": json.dumps(reading("press-7", a=float("nan"))).encode(),
    "infinite": b'{"deviceId":"a","timestamp":"2026-01-31T12:00:30Z","measurements":{"a":1e999}}',
    "digits without end": b"1" * 10_000,
    "nested": b"[" * 100_000,
    "number": 1,
    "empty batch": [],
    "batch in a batch": [[GOOD]],
    "batch too long": [reading("press-7", second) for second in range(501)],
    "one is bad": [GOOD, GOOD | {"timestamp": "yesterday"}],
    "one field too many": GOOD | {"unit": "K"},
    "no device": {name: GOOD[name] for name in ("timestamp", "measurements")},
    "device with a line": GOOD | {"deviceId": "press-7\n"},
    "device too long": GOOD | {"deviceId": "a" * 65},
    "device is a number": GOOD | {"deviceId": 7},
    "time without zone": GOOD | {"timestamp": "2026-01-31T12:00:30"},
    "time with a line": GOOD | {"timestamp": "2026-01-31T12:00:30Z\n"},
    "other digits": GOOD | {"timestamp": "२०२६-01-31T12:00:30Z"},
    "no such day": GOOD | {"timestamp": "2026-02-30T12:00:30Z"},
    "no such zone": GOOD | {"timestamp": "2026-01-31T12:00:30+24:00"},
    "before all time": GOOD | {"timestamp": "0001-01-01T00:00:00+01:00"},
    "time is a number": GOOD | {"timestamp": 1769860830},
    "no measurement": GOOD | {"measurements": {}},
    "measurements in a list": GOOD | {"measurements": [1]},
    "text": GOOD | {"measurements": {"a": "1"}},
    "yes": GOOD | {"measurements": {"a": True}},
    "null": GOOD | {"measurements": {"a": None}},
    "NUL in a name": GOOD | {"measurements": {"a\0": 1}},
    "half a character": GOOD | {"measurements": {"a\ud800": 1}},
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_invalid_body_is_refused_with_one_line(processor, sql, content):
    status, _, answer = processor.post(content)
    assert status == 400
    assert re.fullmatch(r".{10,100}", answer["message"])
    assert stored(sql) == []


def test_body_above_the_limit_is_refused(processor, sql):
    body = json.dumps(reading("press-7")).encode().ljust(BODY_BYTES)
    assert processor.post(body + b" ")[0] == 413
    assert stored(sql) == []
    assert processor.post(body)[0] == 200


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.timezones()).map(datetime.isoformat)
ALMOST = st.fixed_dictionaries(
    {
        "deviceId": st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True) | ANYTHING,
        "timestamp": TIMES | ANYTHING,
        "measurements": st.dictionaries(st.text(), st.floats() | st.integers()) | ANYTHING,
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING | ALMOST | st.lists(ALMOST, min_size=1, max_size=3))
def test_any_body_is_stored_or_refused(processor, sql, content):
    sql("TRUNCATE readings")
    status, _, answer = processor.post(content)
    assert status in {200, 400}
    assert len(stored_keys(sql)) == (answer["stored"] if status == 200 else 0)


def stored_keys(sql):
    # As text: Python cannot represent some times in the local time zone.
    return sql("SELECT device_id, taken_at::text FROM readings")


@given(ANYTHING | ALMOST | st.lists(ALMOST, min_size=1, max_size=3))
def test_accepted_readings_pass_the_schema_of_the_api(content):
    try:
        parse(json.dumps(content).encode())
    except NotAReadingError:
        return
    jsonschema.Draft4Validator(readings_schema()).validate(content)


@given(
    st.fixed_dictionaries(
        {
            "deviceId": st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
            "timestamp": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001
                lambda time: f"{time.isoformat()}+09:00"
            ),
            "measurements": st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
                min_size=1,
            ),
        }
    )
)
def test_readings_that_pass_the_schema_of_the_api_are_accepted(content):
    jsonschema.Draft4Validator(readings_schema()).validate(content)
    (taken,) = parse(json.dumps(content).encode())
    assert taken.device_id == content["deviceId"]
    assert taken.taken_at == datetime.fromisoformat(content["timestamp"])
    assert json.loads(taken.measurements) == content["measurements"]


def test_process_lives_while_database_and_cache_are_down(processor, database, cache):
    """New tasks would not help, so that the load balancer must not see the outage."""
    for server, name in ((database, "database"), (cache, "cache")):
        server.stop()
        try:
            assert processor.health("/") == "200"
            status, _, answer = processor.ask("GET", "/ready")
            assert (status, answer) == (503, {"message": f"the {name} is not available"})
        finally:
            server.start()
        assert processor.health("/ready") == "200"


def test_processor_waits_for_the_database(processors, database, device):
    database.stop()
    try:
        processor = processors()
        for method, path in (("GET", "/ready"), ("POST", "/ingest")):
            body = json.dumps(reading(device))
            status, headers, answer = processor.ask(method, path, body)
            assert status == 503
            assert headers["Retry-After"].isdecimal()
            assert answer == {"message": "the database is not available"}
        assert "onnection refused" in processor.logged()
    finally:
        database.start()
    assert processor.health("/ready") == "200"
    assert processor.post(reading(device))[0] == 200


def test_stored_readings_survive_an_outage_of_the_database(processor, database, sql, device):
    assert processor.post([reading(device, second) for second in range(3)])[0] == 200
    database.stop()
    try:
        assert processor.post(reading(device, 3))[0] == 503
        assert processor.health("/ready") == "503"
    finally:
        database.start()
    assert processor.post([reading(device, second) for second in range(4)])[2]["stored"] == 1
    assert len(stored(sql)) == 4


def test_outage_of_the_cache_loses_no_reading(processor, cache, sql, device):
    before = processor.logged().count("\n")
    cache.stop()
    try:
        assert processor.post(reading(device, 8, a=8))[0] == 200
        assert processor.post(reading(device, 9, a=9))[0] == 200
        assert processor.health("/ready") == "503"
    finally:
        cache.start()
    assert len(stored(sql)) == 2
    assert newest(cache, device) == {}
    assert processor.post(reading(device, 1, a=1))[0] == 200
    assert json.loads(newest(cache, device)["measurements"]) == {"a": 9}
    lost, found = map(json.loads, processor.logged().splitlines()[before:])
    assert lost["message"].startswith("the cache is unavailable, readings are stored")
    assert found["message"] == "the cache is available again"


def test_authority_and_host_of_certificates_are_verified(processors, database, cache, device):
    for wrong, reason in (
        ({"PGSSLROOTCERT": str(cache.ca_file)}, "certificate verify failed"),
        ({"DB_HOST": "localhost"}, "does not match host name"),
    ):
        processor = processors(**wrong)
        assert processor.health("/ready") == "503"
        assert reason in processor.logged()
    for wrong, reason in (
        ({"SSL_CERT_FILE": str(database.ca_file)}, "unable to get local issuer"),
        ({"REDIS_HOST": servers.HOST}, "IP address mismatch"),
    ):
        processor = processors(**wrong)
        assert processor.post(reading(device))[0] == 200
        assert newest(cache, device) == {}
        assert reason in processor.logged()


def test_rotated_password_is_read_again(processors, application, migration, database, device):
    processor = processors()
    assert processor.post(reading(device, 0))[0] == 200
    application.rotate()
    # Until a new task has migrated the database, the connections last, and so does the password.
    assert processor.post(reading(device, 1))[0] == 200
    database.disconnect()
    assert processor.post(reading(device, 2))[0] == 200
    migration().run()
    database.disconnect()
    assert processor.post(reading(device, 3))[2] == {"received": 1, "stored": 1}
    assert "was read again" in processor.logged()
    assert application.password not in processor.logged()


def test_password_that_is_not_in_the_secret_is_reported(processors, migration, device, sql):
    sql("ALTER ROLE processor PASSWORD 'another'")
    processor = processors()
    assert processor.post(reading(device))[0] == 503
    assert "password authentication failed" in processor.logged()
    migration().run()
    assert processor.post(reading(device))[0] == 200


def test_stopping_processor_finishes_its_requests(processors, database, sql, device):
    processor = processors()
    assert processor.health("/") == "200"
    with database.connect() as other, ThreadPoolExecutor() as threads:
        with other.transaction():
            other.execute("LOCK TABLE readings")
            answer = threads.submit(processor.post, reading(device))
            wait_for(lambda: sql("SELECT 1 FROM pg_locks WHERE NOT granted"))
            processor.process.terminate()
            wait_for(lambda: not processor.listens())
            assert not answer.done()
        assert answer.result()[0] == 200
    assert processor.process.wait(10) == 0
    assert sql("SELECT count(*) FROM readings WHERE device_id = %s", device) == [(1,)]


def test_killed_processor_neither_loses_nor_duplicates_readings(processors, sql, device):
    processor = processors()
    answered, done = [], Event()

    def send(client):
        sent = 0
        while not done.is_set():
            batch = [reading(f"{device}.{client}", sent * 5 + number) for number in range(5)]
            try:
                status = processor.post(batch)[0]
            except (OSError, HTTPException):
                wait_for(lambda: done.is_set() or processor.listens())
                continue
            if status == 200:
                answered.extend((item["deviceId"], item["timestamp"]) for item in batch)
                sent += 1

    def wait_for_more(number):
        goal = len(answered) + number
        wait_for(lambda: len(answered) >= goal)

    with ThreadPoolExecutor() as threads:
        clients = [threads.submit(send, number) for number in range(4)]
        try:
            for _ in range(3):
                wait_for_more(100)
                processor.kill()
                processor.launch()
            wait_for_more(100)
        finally:
            done.set()
    for client in clients:
        client.result()
    found = sql("SELECT device_id, taken_at FROM readings WHERE device_id LIKE %s", f"{device}.%")
    rows = [(name, time.astimezone(UTC).isoformat()) for name, time in found]
    assert sorted(rows) == sorted(set(answered))
    assert len(answered) == len(set(answered))


def test_image_has_the_tested_modules_and_versions():
    dockerfile = (EXAMPLE / "Dockerfile").read_text()
    copied = set(re.findall(r"\w+\.py", dockerfile.partition("\nCMD")[0]))
    assert copied == {path.name for path in EXAMPLE.glob("*.py")}
    assert "\nUSER 10001:10001\n" in dockerfile
    pins = re.compile(r"^\S+==\S+", re.MULTILINE)
    image, locked = (
        set(pins.findall(path.read_text()))
        for path in (EXAMPLE / "requirements.txt", ROOT / "requirements.txt")
    )
    assert image <= locked


def test_rehearsal_extra_has_the_requirements_of_the_image():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = {*project["dependencies"], *project["optional-dependencies"]["rehearsal"]}
    assert {*(EXAMPLE / "requirements.in").read_text().split()} <= brought
