"""Readings sent to the API of an environment, and found again in its stores."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

from iot_pipeline_cfn.deploy.ingest import Answer, Ingest
from iot_pipeline_cfn.template.findings import Finding

from .checks import passed, require

if TYPE_CHECKING:
    from .stores import Stores

RATE: Final = 2
BURST: Final = 20
"""The throttle in requests per second, and its burst: a slow machine soon sends more."""
TOO_MANY_REQUESTS: Final = 429
PATIENCE_SECONDS: Final = 15.0


class Reading(TypedDict):
    """A reading as a sensor sends it."""

    deviceId: str
    timestamp: str
    measurements: dict[str, float]


@dataclass
class Probe:
    """A sensor that sends ever newer readings, and checks that the stores have them.

    Without stores, as on AWS, where nobody reaches them from outside the VPC, a 2xx answer of the
    processor means that PostgreSQL has a reading.
    """

    ingest: Ingest
    stores: "Stores | None" = None
    patience: float = PATIENCE_SECONDS
    transient: Collection[int] = (TOO_MANY_REQUESTS,)
    """The statuses after which a reading is sent again."""
    sent: int = 0
    accepted: int = 0

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
        """Send a reading, and check that the stores have it, as far as they can be reached."""
        reading = self.next_reading()
        self.send(reading)
        self.require_stored(reading)
        if self.stores:
            newest = self.stores.newest(reading["deviceId"])
            require(newest == reading["measurements"], "reading-lost", store="Redis")
            return passed("reading-cached")
        return passed("reading-stored")

    def require_stored(self, *readings: Reading) -> None:
        """Require that the database has readings, as far as it can be reached."""
        if self.stores:
            is_stored = all(map(self.stores.has_stored, readings))
            require(is_stored, "reading-lost", store="PostgreSQL")

    def count(self) -> int:
        """Return the number of stored readings, by the database or else by the answers."""
        return self.stores.count() if self.stores else self.accepted

    def send(self, *readings: Reading) -> None:
        """Send readings, again after a transient status."""
        deadline = time.monotonic() + self.patience
        answer = self.ingest.send(*readings)
        while answer.status in self.transient and time.monotonic() < deadline:
            time.sleep(1 / RATE)
            answer = self.ingest.send(*readings)
        self.require_accepted(answer)
        self.accepted += len(readings)

    @staticmethod
    def require_accepted(answer: Answer) -> None:
        """Require that the API has accepted readings."""
        require(answer.is_success, "reading-refused", status=answer.status, body=answer.body)

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
