"""The environments of a Region, and what is known of each without asking more."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from iot_pipeline_cfn.template.findings import Value
from iot_pipeline_cfn.template.parameters import COMMIT_PARAMETER, IMAGE_PARAMETER

from . import cloudformation
from .bootstrap import STACK as ACCOUNT_STACK
from .cloudformation import Stack
from .connection import Connection
from .environments import STACK_PREFIX
from .lifetime import CREATOR_TAG, OWNER_TAG, expiry, last_activity, pull_request
from .planning import ENVIRONMENT_TAG
from .protection import is_protected

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Summary:
    """An environment in a list."""

    name: str
    stack: str
    region: str
    state: str
    created: datetime
    updated: datetime
    expires: datetime | None
    """When its time is over, unless it is deployed again; None if it has no end."""
    owner: str
    created_by: str
    commit: str
    pull_request: int | None
    image: str
    protected: bool

    @classmethod
    def of(cls, stack: Stack) -> "Summary":
        """Summarise a stack."""
        return cls(
            name=stack.tags.get(ENVIRONMENT_TAG, ""),
            stack=stack.name,
            region=stack.region,
            state=stack.status,
            created=stack.created,
            updated=last_activity(stack),
            expires=expiry(stack),
            owner=stack.tags.get(OWNER_TAG, ""),
            created_by=stack.tags.get(CREATOR_TAG, ""),
            commit=stack.parameters.get(COMMIT_PARAMETER, ""),
            pull_request=pull_request(stack),
            image=stack.parameters.get(IMAGE_PARAMETER, ""),
            protected=is_protected(stack),
        )

    def as_data(self) -> dict[str, Value]:
        """Return it as data for JSON."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def environment_stacks(connection: Connection) -> list[Stack]:
    """Return the stacks of all environments of the Region, by their names."""
    stacks = cloudformation.all_stacks(connection.cloudformation)
    return sorted(filter(is_environment, stacks), key=lambda stack: _with_numbers(stack.name))


def _with_numbers(name: str) -> list[str | int]:
    """Return a key that sorts `pr2` before `pr10`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def is_environment(stack: Stack) -> bool:
    """Return whether a stack is an environment: the one definition of what belongs to us."""
    return (
        stack.name.startswith(STACK_PREFIX)
        and ENVIRONMENT_TAG in stack.tags
        and stack.status != "DELETE_COMPLETE"
        and stack.name != ACCOUNT_STACK
    )


def enabled_regions(connection: Connection) -> list[str]:
    """Return the Regions that the account has enabled.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    return sorted(region["RegionName"] for region in connection.ec2.describe_regions()["Regions"])
