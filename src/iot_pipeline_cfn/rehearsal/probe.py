"""Readings sent to the API of an environment, and found again in its stores."""

import time
from dataclasses import dataclass
from typing import Final

from iot_pipeline_cfn.deploy.ingest import Answer, Ingest
from iot_pipeline_cfn.template.findings import Finding

from .checks import passed, require
from .stores import Reading, Stores

RATE: Final = 2
BURST: Final = 20
"""The throttle in requests per second, and its burst: a slow machine soon sends more."""
TOO_MANY_REQUESTS: Final = 429
PATIENCE_SECONDS: Final = 15.0


@dataclass
class Probe:
    """A sensor that sends ever newer readings, and checks that the stores have them."""

    ingest: Ingest
    stores: Stores
    sent: int = 0

    def next_reading(self) -> Reading:
        """Return a reading that is newer than all others."""
        self.sent += 1
        hours, seconds = divmod(self.sent, 3600)
        time_of_day = f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
        return {
            "deviceId": "rehearsal",
            "timestamp": f"2026-01-31T{time_of_day}Z",
            "measurements": {"temperature": float(self.sent)},
        }

    def store_reading(self) -> Finding:
        """Send a reading, and check that both stores have it."""
        reading = self.next_reading()
        self.send(reading)
        require(self.stores.has_stored(reading), "reading-lost", store="PostgreSQL")
        newest = self.stores.newest(reading["deviceId"])
        require(newest == reading["measurements"], "reading-lost", store="Redis")
        return passed("reading-stored")

    def send(self, *readings: Reading) -> None:
        """Send readings, again while the API is throttled."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        answer = self.ingest.send(*readings)
        while answer.status == TOO_MANY_REQUESTS and time.monotonic() < deadline:
            time.sleep(1 / RATE)
            answer = self.ingest.send(*readings)
        self.require_accepted(answer)

    @staticmethod
    def require_accepted(answer: Answer) -> None:
        """Require that the API has accepted readings."""
        require(
            answer.status in range(200, 300),
            "reading-refused",
            status=answer.status,
            body=answer.body,
        )

    @staticmethod
    def require_status(answer: Answer, expected: int, request: str) -> None:
        """Require that the API has refused a request with a status."""
        require(
            answer.status == expected,
            "wrong-status",
            request=request,
            status=answer.status,
            expected=expected,
        )
