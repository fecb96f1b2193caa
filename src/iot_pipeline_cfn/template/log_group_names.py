"""The names of the log groups that the templates declare, and that the deployer finds by them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .parameters import PROJECT

LOG_GROUP_ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "apigateway": "",
        "aws/ecs/containerinsights": "/performance",
        "aws/vendedlogs/elb": "",
        "aws/vendedlogs/states": "",
        "ecs": "",
        "vpc": "",
    }
)
"""The services and endings of the names `/<service>/iot-pipeline-<suffix><ending>`."""

NAME: Final = re.compile(
    rf"/(?P<service>.+)/{PROJECT}-(?P<suffix>[a-z][a-z0-9-]*)(?P<ending>(/.*)?)"
)


def suffix_of_log_group(name: str) -> str | None:
    """Return the suffix of the environment that a log group is named after, or None."""
    found = NAME.fullmatch(name)
    is_ours = found and LOG_GROUP_ENDINGS.get(found["service"]) == found["ending"]
    return found["suffix"] if found and is_ours else None
