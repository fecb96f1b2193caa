"""The example's processor, run like the container of a task."""

import http.client
import json
import socket
import time

from checkout import ROOT
from iot_pipeline_cfn.rehearsal.container import Container
from iot_pipeline_cfn.rehearsal.servers import HOST

PROGRAM = ROOT / "examples/processor/processor.py"
SECONDS = 20


class Processor(Container):
    """A container that tests send requests to."""

    def launch(self):
        """Start it, and wait until it listens."""
        process = self.start()
        wait_for(lambda: self.listens() or process.poll() is not None)
        assert process.poll() is None, self.logged()
        return self

    def listens(self):
        with socket.socket() as client:
            return client.connect_ex((HOST, self.port)) == 0

    def logged(self):
        return self.log.read_text()

    def ask(self, method, path, body=None):
        """Return the status, the headers and the content of the answer to a request."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, answer.headers, json.loads(text) if is_json else text.decode()

    def post(self, content):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", "/ingest", body)


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def variables(database, cache, application, **others):
    """Return the variables of the task definition, and the authorities of local servers."""
    return {
        **_address(database, application),
        "DB_PASSWORD": application.password,
        "DB_USERNAME": "processor",
        "REDIS_AUTH_TOKEN": cache.auth_token,
        "REDIS_HOST": cache.host,
        "REDIS_PORT": str(cache.port),
        "SSL_CERT_FILE": str(cache.ca_file),
    } | others


def migration_variables(database, application, **others):
    """Return the variables of the migration of the task definition."""
    return {
        **_address(database, application),
        "DB_MASTER_PASSWORD": "of the master user",
        "DB_MASTER_USERNAME": "iot",
    } | others


def _address(database, application):
    return {
        **application.variables,
        "DB_HOST": database.host,
        "DB_NAME": database.name,
        "DB_PORT": str(database.port),
        "PGSSLROOTCERT": str(database.ca_file),
        "PYTHONDEVMODE": "1",
    }


def newest(cache, device_id):
    """Return the newest reading that the cache has of a device."""
    with cache.connect() as client:
        return client.hgetall(f"newest:{device_id}")
