"""Readings through the API and to the processor, and where the time goes.

All of it is on this machine: the API and the load balancer are those of the emulator, so that
the numbers say what this project and its emulator cost, and nothing of AWS. The same requests go to
the processor, and through the API and the load balancer to it; what these add is the difference.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from iot_pipeline_cfn.deploy.ingest import Ingest
from iot_pipeline_cfn.deploy.operations import Operations
from iot_pipeline_cfn.deploy.request import load_request
from iot_pipeline_cfn.rehearsal.emulator_target import EmulatorTarget
from iot_pipeline_cfn.rehearsal.runner import isolated_emulator
from iot_pipeline_cfn.rehearsal.scenario import Scenario

ROOT = Path(__file__).parents[1]
REGION = "ap-northeast-1"
SENDERS = 4
SECONDS = 3.0
BATCHES = (1, 100)
UNLIMITED = {"ThrottleRate": 10000, "ThrottleBurst": 5000}

NUMBERS = count()


def body(batch: int) -> bytes:
    """Return readings that were not sent before, each of another device."""
    readings = [
        {
            "deviceId": f"device-{next(NUMBERS)}",
            "timestamp": "2026-01-31T12:00:30Z",
            "measurements": {"temperature": 71.5},
        }
        for _ in range(batch)
    ]
    return json.dumps(readings).encode()


def to(port: int) -> Callable[[bytes], int]:
    """Return a function that posts to `/ingest` on a port."""

    def post(content: bytes) -> int:
        client = HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("POST", "/ingest", content, {"Content-Type": "application/json"})
        status = client.getresponse().status
        client.close()
        return status

    return post


def requests_per_second(post: Callable[[bytes], int], batch: int) -> float:
    """Send from several threads, and return how many requests a second were accepted."""
    end = time.monotonic() + SECONDS

    def send(_: int) -> list[int]:
        statuses = []
        while time.monotonic() < end:
            statuses.append(post(body(batch)))
        return statuses

    with ThreadPoolExecutor(SENDERS) as executor:
        statuses = [status for sender in executor.map(send, range(SENDERS)) for status in sender]
    if refused := {*statuses} - {200}:
        sys.exit(f"readings were answered with {refused}")
    return len(statuses) / SECONDS


def main() -> None:
    """Deploy an environment and send readings to it."""
    processor = ROOT / "examples/processor/processor.py"
    environment, request = load_request(
        "dev", ROOT / "templates/iot-pipeline.json", ROOT / "parameters"
    )
    with isolated_emulator(REGION) as (connection, resources):
        target = EmulatorTarget(connection, processor, resources)
        scenario = Scenario(Operations(environment, connection), request, target)
        for step in (scenario.creates, scenario.receives_image, scenario.starts_tasks):
            list(step())
        scenario.deploy(**UNLIMITED)
        ingest = Ingest(connection, scenario.outputs)
        ways = {
            "processor": to(target.container.port),
            "API": lambda content: ingest.post(content).status,
        }
        print(f"{SENDERS} senders, {SECONDS:g} s each, {os.cpu_count()} cores")
        for batch in BATCHES:
            before = 0.0
            for name, post in ways.items():
                rate = requests_per_second(post, batch)
                took = 1000 * SENDERS / rate
                print(
                    f"batches of {batch:3}: {name:13} {rate * batch:8.0f} readings/s, "
                    f"{took:6.1f} ms a request, {took - before:+6.1f} ms"
                )
                before = took


if __name__ == "__main__":
    main()
