"""The commands outputs, status, events and list, which change nothing."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.parameters import DEFAULT_TEMPLATE, load_template, template_path

from .opening import open_connection, open_named
from .options import (
    FILE,
    Patience,
    Place,
    environment_argument,
    json_option,
    place_options,
    template_option,
    timeout_option,
    together,
)
from .printing import echo

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from iot_pipeline_cfn.deploy.cloudformation import Stack
    from iot_pipeline_cfn.deploy.connection import Connection


inspection_options = together(environment_argument, place_options, template_option, json_option)


@click.command()
@inspection_options
@click.option("--file", type=FILE, help="Write the outputs to this file as JSON instead.")
def outputs(
    *, environment: str, place: Place, template: Path | None, as_json: bool, file: Path | None
) -> None:
    """Print the outputs of an environment."""
    operations, console = open_named(environment, template, place, as_json=as_json)
    stack = operations.require_stack()
    if file:
        write(file, json.dumps(stack.output_values, indent=2, sort_keys=True) + "\n")
    else:
        console.outputs(stack.outputs)


@click.command()
@inspection_options
@click.option("--drift", "detects_drift", is_flag=True, help="Have CloudFormation detect drift.")
@click.option("--markdown", is_flag=True, help="Print Markdown for a pull request.")
def status(
    *,
    environment: str,
    place: Place,
    template: Path | None,
    as_json: bool,
    detects_drift: bool,
    markdown: bool,
) -> None:
    """Show the state of an environment."""
    from iot_pipeline_cfn.deploy import environment_status
    from iot_pipeline_cfn.deploy.planning import Refusal

    operations, console = open_named(environment, template, place, as_json=as_json)
    name = operations.file.template if operations.file else DEFAULT_TEMPLATE
    path = template or template_path(name)
    found = environment_status.status(operations, load_template(path), detects_drift=detects_drift)
    if markdown:
        from .environment_prices import monthly_prices
        from .status_markdown import environment_markdown

        stack = operations.require_stack()
        (price,) = monthly_prices([(operations.connection, stack)])
        echo(environment_markdown(found, stack, price))
        return
    console.status(found)
    if found.summary.state == "DELETE_COMPLETE":
        raise operations.refused(Refusal.ABSENT)


@click.command()
@inspection_options
@click.option(
    "--follow", is_flag=True, envvar="IOT_PIPELINE_FOLLOW", help="Follow the operation to its end."
)
@click.option(
    "--operations",
    "count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    envvar="IOT_PIPELINE_OPERATIONS",
    help="How many of the last operations to show.",
)
@timeout_option
def events(
    *,
    environment: str,
    place: Place,
    template: Path | None,
    as_json: bool,
    follow: bool,
    count: int,
    timeout: float,
) -> None:
    """Show the events of the current operation, or of the last ones.

    Those of a deleted environment can be read for 90 days.
    """
    from iot_pipeline_cfn.deploy.events import last_operations
    from iot_pipeline_cfn.deploy.following import follow_current
    from iot_pipeline_cfn.deploy.observer import Operation

    from .deploy_wording import OPERATIONS

    patience = Patience(timeout=timeout)
    operations, console = open_named(environment, template, place, patience, as_json=as_json)
    if follow:
        title = OPERATIONS[Operation.OTHER].format(operations.environment.suffix)
        with console.follow(title, lambda event, _: console.event(event)) as see:
            follow_current(operations, see)
        return
    stack = operations.require_stack(also_deleted=True)
    for event in last_operations(operations.client, stack.arn, count):
        console.event(event)


@click.command(name="list")
@place_options
@click.option("--all-regions", is_flag=True, help="Show those of all Regions of the account.")
@json_option
def list_(*, place: Place, all_regions: bool, as_json: bool) -> None:
    """Show all environments of the Region, and what they cost."""
    from iot_pipeline_cfn.deploy.concurrency import all_of, both
    from iot_pipeline_cfn.deploy.errors import explained
    from iot_pipeline_cfn.deploy.inventory import Summary, enabled_regions
    from iot_pipeline_cfn.deploy.location import locate

    from .environment_prices import monthly_prices

    connection, console = open_connection(place, as_json=as_json)

    def read() -> "tuple[list[Connection], list[list[Stack] | BotoCoreError | ClientError]]":
        regions = enabled_regions(connection) if all_regions else [connection.region]
        connections = [connection.in_region(region) for region in regions]
        return connections, all_of(*(partial(_stacks_of, each) for each in connections))

    _, (connections, listed) = both(lambda: console.show_location(locate(connection)), read)
    found, unreadable = [], []
    for each, stacks in zip(connections, listed, strict=True):
        if isinstance(stacks, list):
            found += [(each, stack) for stack in stacks]
        elif all_regions:
            console.say(f"{each.region} cannot be read: {explained(stacks)}")
            unreadable.append(each.region)
        else:
            raise stacks
    summaries = [Summary.of(stack) for _, stack in found]
    console.environments(summaries, monthly_prices(found), sorted(unreadable))


def _stacks_of(connection: "Connection") -> "list[Stack] | BotoCoreError | ClientError":
    """Return the stacks of environments in a Region, or why they cannot be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    from iot_pipeline_cfn.deploy.inventory import environment_stacks

    try:
        return environment_stacks(connection)
    except (BotoCoreError, ClientError) as error:
        return error
