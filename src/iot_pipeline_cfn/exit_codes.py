"""The exit codes of `iot-pipeline`: their only definition."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends; docs/exit-codes.md describes each one."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    INVALID = 3
    ROLLED_BACK = 4
    STUCK = 5
    TIMED_OUT = 6
    NO_ACCESS = 7
    PREFLIGHT = 8
    REHEARSAL_FAILED = 9
    REVIEW_FAILED = 10
    NOT_WORKING = 11
    STALE = 12
    INTERRUPTED = 130
