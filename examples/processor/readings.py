"""Request bodies: one reading, or an array of 1 to 500 readings."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

READINGS_IN_BATCH = 500
FIELDS = {"deviceId", "measurements", "timestamp"}
DEVICE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, order=True)
class Reading:
    """A valid reading; its key is the device and the time, to the microsecond."""

    device_id: str
    taken_at: datetime
    measurements: str
    """A JSON object of numbers."""


class NotAReadingError(ValueError):
    """The body is invalid; the message is one line for the sender."""


def parse(body: bytes) -> list[Reading]:
    """Return the readings of a request's body.

    The rules are those of the API's model, and three that it cannot express: a time must exist, a
    number must be finite, and a name must be text that PostgreSQL can store.

    Raises:
        NotAReadingError: when any part of the body is invalid.

    """
    try:
        # A deeply nested body exceeds the recursion limit.
        content = json.loads(body)
    except (RecursionError, ValueError):
        msg = "the body is not JSON"
        raise NotAReadingError(msg) from None
    if not isinstance(content, list):
        return [_reading(content, "the reading")]
    if not 1 <= len(content) <= READINGS_IN_BATCH:
        msg = f"a batch has 1 to {READINGS_IN_BATCH} readings, not {len(content)}"
        raise NotAReadingError(msg)
    return [_reading(item, f"reading {number}") for number, item in enumerate(content, start=1)]


def _reading(item: object, name: str) -> Reading:
    if not isinstance(item, dict) or item.keys() != FIELDS:
        msg = f"{name} is not an object of deviceId, timestamp and measurements"
        raise NotAReadingError(msg)
    device_id, timestamp, measurements = item["deviceId"], item["timestamp"], item["measurements"]
    if not isinstance(device_id, str) or not DEVICE_ID.fullmatch(device_id):
        msg = f"{name}: deviceId is not 1 to 64 letters, digits, '.', '_', ':' and '-'"
        raise NotAReadingError(msg)
    if not isinstance(measurements, dict) or not measurements:
        msg = f"{name}: measurements is not an object with at least one number"
        raise NotAReadingError(msg)
    if not all(map(_is_storable, measurements)):
        msg = f"{name}: the name of a measurement has an invalid character"
        raise NotAReadingError(msg)
    if not all(map(_is_number, measurements.values())):
        msg = f"{name}: a measurement is not a finite number"
        raise NotAReadingError(msg)
    return Reading(device_id, _time(timestamp, name), json.dumps(measurements))


def _time(timestamp: object, name: str) -> datetime:
    try:
        if isinstance(timestamp, str) and TIMESTAMP.fullmatch(timestamp):
            return datetime.fromisoformat(timestamp).astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    msg = f"{name}: timestamp is not a time such as 2026-01-31T12:00:30Z"
    raise NotAReadingError(msg)


def _is_storable(name: str) -> bool:
    """Return whether a name has no NUL and no lone surrogate, which jsonb rejects."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
