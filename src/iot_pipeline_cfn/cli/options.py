"""The options that several commands share, each group collected in a data class."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from glob import escape
from pathlib import Path
from typing import Any

import click

from iot_pipeline_cfn.template.file_rules import TEXTS

from .root import FilePath, enter_root

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

FILE = FilePath(path_type=Path)
PARAMETERS = Path("parameters")


@dataclass(frozen=True)
class Place:
    """Where environments are, and how much is shown."""

    target: str = "aws"
    region: str | None = None
    profile: str | None = None
    verbose: bool = False
    debug: bool = False


@dataclass(frozen=True)
class Patience:
    """How long an operation is followed, and what may end that early."""

    timeout: float = 600
    wait: bool = True
    on_interrupt: str | None = None


@dataclass(frozen=True)
class RequestOptions:
    """What a deployment request takes from the command line besides the environment."""

    parameters: tuple[str, ...]
    image_tag: str | None
    bucket: str | None
    ignored: tuple[str, ...]
    role_arn: str | None = None
    kms_key: str | None = None
    time_to_live: str | None = None
    pull_request: str | None = None
    commit: str | None = None


def grouped(name: str, group: type, *options: Decorator) -> Decorator:
    """Add options to a command, which receives their values as one data class named `name`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def collect(**values: Any) -> Any:
            own = {field.name: values.pop(field.name) for field in fields(group)}
            return command(**values, **{name: group(**own)})

        return together(*options)(collect)

    return decorate


def together(*options: Decorator) -> Decorator:
    """Add several options to a command, in this order in its help."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def matching(pattern: str | re.Pattern[str], meaning: str) -> Callable[..., str | None]:
    """Return the callback of an option whose value must match a pattern."""

    def check(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if value and not re.fullmatch(pattern, value):
            message = f"{parameter.opts[0]} must be {meaning}, not {value!r}"
            raise click.UsageError(message)
        return value or None

    return check


def complete_name(_: object, __: object, start: str) -> list[str]:
    """Return the environment types that begin with what has been typed."""
    enter_root()
    return sorted(path.stem for path in PARAMETERS.glob(f"{escape(start)}*.json"))


environment_argument = click.argument(
    "environment", envvar="ENVIRONMENT_SUFFIX", shell_complete=complete_name
)

region_option = click.option(
    "--region",
    envvar="IOT_PIPELINE_REGION",
    help="The AWS Region.  [default: AWS_REGION, AWS_DEFAULT_REGION, or that of the profile]",
)

template_option = click.option(
    "--template",
    type=FILE,
    help="The rendered template.  [default: the one of the parameter file]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

yes_option = click.option(
    "--yes", is_flag=True, envvar="IOT_PIPELINE_YES", help="Skip confirmation."
)

role_option = click.option(
    "--role-arn",
    envvar="IOT_PIPELINE_ROLE_ARN",
    help="The service role that CloudFormation acts as.  [default: from the parameter file]",
)

timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long to follow an operation.",
)

place_options = grouped(
    "place",
    Place,
    click.option(
        "--target",
        type=click.Choice(["aws", "local"]),
        default="aws",
        show_default=True,
        envvar="IOT_PIPELINE_TARGET",
        help="AWS, or the local AWS emulator.",
    ),
    region_option,
    click.option(
        "--profile",
        envvar="IOT_PIPELINE_PROFILE",
        help="The profile of the AWS configuration.  [default: AWS_PROFILE]",
    ),
    click.option(
        "--verbose",
        is_flag=True,
        envvar="IOT_PIPELINE_VERBOSE",
        help="Show every change and event.",
    ),
    click.option("--debug", is_flag=True, help="Show each call to AWS on stderr."),
)

patience_options = grouped(
    "patience",
    Patience,
    timeout_option,
    click.option(
        "--wait/--no-wait",
        default=True,
        show_default=True,
        help="Wait while another operation is in progress, or fail.",
    ),
    click.option(
        "--on-interrupt",
        type=click.Choice(["cancel", "leave"]),
        help="What Ctrl-C does while an operation runs.  [default: ask]",
    ),
)

parameter_option = click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    envvar="IOT_PIPELINE_PARAMETERS",
    help="Overrides the parameter file; repeatable.",
)

request_options = grouped(
    "options",
    RequestOptions,
    parameter_option,
    click.option(
        "--image-tag",
        envvar="IOT_PIPELINE_IMAGE_TAG",
        help="Short for --parameter ImageTag=...",
    ),
    click.option(
        "--bucket",
        envvar="IOT_PIPELINE_BUCKET",
        help="The S3 bucket for templates above 51,200 bytes.",
    ),
    click.option(
        "--kms-key",
        envvar="IOT_PIPELINE_KMS_KEY",
        help="The KMS key for templates in the bucket.  [default: encryption by S3]",
    ),
    role_option,
    click.option(
        "--ttl",
        "time_to_live",
        envvar="IOT_PIPELINE_TTL",
        callback=matching(*TEXTS["TimeToLive"]),
        metavar="TIME",
        help="How long to keep the environment after its last deployment, such as 3d, or none.  "
        "[default: from the parameter file]",
    ),
    click.option(
        "--pull-request",
        envvar="IOT_PIPELINE_PULL_REQUEST",
        callback=matching("none|[1-9][0-9]{0,8}", "a number, or none"),
        metavar="NUMBER",
        help="The pull request of the environment.  [default: by its name, or that of the job on "
        "GitHub]",
    ),
    click.option(
        "--commit",
        envvar="IOT_PIPELINE_COMMIT",
        callback=matching("[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?", "a full commit hash"),
        help="The commit that is deployed.  [default: that of the checkout]",
    ),
    click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="CODE",
        envvar="IOT_PIPELINE_IGNORE",
        help="Treat an error of this preflight check as a warning; repeatable.",
    ),
)
