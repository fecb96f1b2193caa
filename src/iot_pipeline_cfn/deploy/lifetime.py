"""The origin and the lifetime of environments: who made one, from what, and until when.

What hardly changes is in tags of the stack. The commit and the renewal of the time to live are
parameters of the template, which only outputs use, because CloudFormation propagates a changed tag
to every resource: that makes each update change all of them, and some cannot take it
(https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/538). The end is not
stored at all: it is the last update of the stack plus its time to live.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from iot_pipeline_cfn.template.file_rules import NO_TIME, TIME_TO_LIVE
from iot_pipeline_cfn.template.parameters import RENEWAL_PARAMETER

from .cloudformation import Stack
from .environments import STACK_PREFIX

CREATOR_TAG: Final = "iot-pipeline:created-by"
"""The ARN of the user or role that created the environment."""
OWNER_TAG: Final = "iot-pipeline:owner"
"""The person who created it."""
PULL_REQUEST_TAG: Final = "iot-pipeline:pull-request"
TIME_TO_LIVE_TAG: Final = "iot-pipeline:time-to-live"

PEOPLE_TAGS: Final = frozenset({CREATOR_TAG, OWNER_TAG})
"""The tags that depend on who deploys, and stay as they are once they are set."""

UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
)

RENEWAL_SHARE: Final = 0.1
"""The part of the time to live that passes before a deployment without changes is executed."""


def origin_tags(given: Mapping[str, str | None], previous: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that tell where an environment comes from and how long it lives.

    What is given comes before what the stack has, except for people. `none` removes a tag.
    """
    tags = {
        name: previous.get(name) or value if name in PEOPLE_TAGS else value or previous.get(name)
        for name, value in given.items()
    }
    return {name: tag_value(value) for name, value in tags.items() if value and value != NO_TIME}


def tag_value(text: str) -> str:
    """Return a text with the characters that a tag's value may have."""
    return re.sub(r"[^\w .:/=+@-]", "-", text, flags=re.ASCII)[:256]


def duration(text: str) -> timedelta:
    """Return the length of a time such as `3d`."""
    return int(text[:-1]) * UNITS[text[-1]]


def last_activity(stack: Stack) -> datetime:
    """Return when an environment was created or updated last, also without success."""
    return stack.updated or stack.created


def expiry(stack: Stack) -> datetime | None:
    """Return when the time of an environment is over; each deployment renews it."""
    text = stack.tags.get(TIME_TO_LIVE_TAG, NO_TIME)
    is_known = TIME_TO_LIVE.fullmatch(text) and text != NO_TIME
    return last_activity(stack) + duration(text) if is_known else None


def pull_request(stack: Stack) -> int | None:
    """Return the number of the pull request that an environment belongs to, by tag or by name."""
    if tag := stack.tags.get(PULL_REQUEST_TAG):
        found = re.fullmatch(r"(\d+)", tag, re.ASCII)
    else:
        found = re.fullmatch(rf"{STACK_PREFIX}pr-?(\d+)", stack.name, re.ASCII)
    return int(found[1]) if found else None


def renewal(stack: Stack | None, time_to_live: str | None, now: datetime) -> str:
    """Return the time that a deployment records, as it is unless the time to live needs renewal.

    A new time makes an update of a deployment that changes nothing else. CloudFormation does not
    execute an empty change set, so that would not renew the time.
    """
    if stack is None:
        return ""
    is_due = time_to_live and now - last_activity(stack) >= duration(time_to_live) * RENEWAL_SHARE
    recorded = stack.parameters.get(RENEWAL_PARAMETER, "")
    return f"{now:%Y-%m-%dT%H:%M:%SZ}" if is_due else recorded
