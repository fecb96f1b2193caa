"""The command logs."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .opening import open_named
from .options import (
    Patience,
    Place,
    environment_argument,
    matching,
    place_options,
    template_option,
    timeout_option,
)
from .printing import echo

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.service_logs import LogEvent

SOURCES = ("containers", "api", "load-balancer", "network", "rotation")


@click.command()
@environment_argument
@click.option(
    "--log",
    "source",
    type=click.Choice(SOURCES),
    default="containers",
    show_default=True,
    envvar="IOT_PIPELINE_LOG",
    help="Which log.",
)
@click.option(
    "--since",
    default="1h",
    show_default=True,
    envvar="IOT_PIPELINE_SINCE",
    callback=matching("[1-9][0-9]{0,3}[mhdw]", "a time such as 15m, 2h or 1d"),
    metavar="TIME",
    help="How far to look back.",
)
@click.option("--follow", is_flag=True, envvar="IOT_PIPELINE_FOLLOW", help="Wait for more.")
@timeout_option
@place_options
@template_option
def logs(
    *,
    environment: str,
    source: str,
    since: str,
    follow: bool,
    timeout: float,
    place: Place,
    template: Path | None,
) -> None:
    """Print what the containers or services have logged."""
    from iot_pipeline_cfn.deploy.following import limited
    from iot_pipeline_cfn.deploy.lifetime import duration
    from iot_pipeline_cfn.deploy.service_logs import find_log_group, follow_log, read_log

    patience = Patience(timeout=timeout)
    operations, console = open_named(environment, template, place, patience, as_json=False)
    group = find_log_group(operations.require_stack(), source)
    start = datetime.now(UTC) - duration(since)
    if follow:
        with limited(operations, "more events"):
            # Nobody reads on behind a closed pipe.
            all(echo(_line(event)) for event in follow_log(operations, group, start))
    elif not sum(echo(_line(event)) for event in read_log(operations.connection, group, start)):
        console.say(f"nothing in {group} in the last {since}")


def _line(event: "LogEvent") -> str:
    """Return an event as a line, without the control characters that a sensor may have sent."""
    container, stream = ["", *event.stream.split("/")][-2:]
    text = re.sub(r"[^\t\n -~\u00a0-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", event.message)
    return f"{event.time:%Y-%m-%dT%H:%M:%SZ} {f'{container}/{stream[:8]}'.strip('/')} {text}"
