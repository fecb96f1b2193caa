"""The example's processor, run as in a task: with what the task definition gives it."""

import http.client
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from checkout import ROOT
from iot_pipeline_cfn.rehearsal.servers import HOST, free_port

PROGRAM = ROOT / "examples/processor/processor.py"
SECONDS = 20


@dataclass
class Processor:
    """A processor that can be started again on its port."""

    variables: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    def start(self):
        command = [sys.executable, "-X", "dev", PROGRAM, "--host", HOST, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.variables, stdout=log, stderr=subprocess.STDOUT
            )
        wait_for(lambda: self.listens() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def listens(self):
        with socket.socket() as client:
            return client.connect_ex((HOST, self.port)) == 0

    def said(self):
        return self.log.read_text()

    def end(self):
        """Stop it as ECS does, and return its exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS)

    def kill(self):
        self.process.kill()
        self.process.wait(SECONDS)

    def ask(self, method, path, body=None):
        """Return the answer to a request: its status, headers, and what its JSON says."""
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

    def health(self):
        return self.ask("GET", "/")[0]


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def variables(database, cache, **others):
    """Return what the task definition gives, and what makes local servers trusted."""
    return {
        "DB_HOST": database.host,
        "DB_NAME": database.name,
        "DB_PASSWORD": database.password,
        "DB_PORT": str(database.port),
        "DB_SECRET_ARN": "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:none",
        "DB_USERNAME": database.username,
        "REDIS_AUTH_TOKEN": cache.auth_token,
        "REDIS_HOST": cache.host,
        "REDIS_PORT": str(cache.port),
        "PGSSLROOTCERT": str(database.ca_file),
        "SSL_CERT_FILE": str(cache.ca_file),
    } | others


def connect(database):
    return psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.username,
        password=database.password,
        sslmode="verify-full",
        sslrootcert=str(database.ca_file),
        autocommit=True,
    )


def newest(cache, device_id):
    """Return what the cache has of a device."""
    with client_of(cache) as client:
        return client.hgetall(f"newest:{device_id}")


def client_of(cache):
    return redis.Redis(
        host=cache.host,
        port=cache.port,
        password=cache.auth_token,
        ssl=True,
        ssl_ca_certs=str(cache.ca_file),
        decode_responses=True,
    )
