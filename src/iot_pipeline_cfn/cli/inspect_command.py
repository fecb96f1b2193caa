"""The commands outputs, status, events and list, which change nothing."""

import json
from pathlib import Path

import click

from iot_pipeline_cfn.exit_codes import ExitCode
from iot_pipeline_cfn.template.files import write
from iot_pipeline_cfn.template.parameters import load_template

from .console import age
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

inspection_options = together(environment_argument, place_options, template_option, json_option)


@click.command()
@inspection_options
@click.option("--file", type=FILE, help="Write the outputs to this file as JSON instead.")
def outputs(
    *, environment: str, place: Place, template: Path, as_json: bool, file: Path | None
) -> None:
    """Print the outputs of an environment."""
    operations, console = open_named(environment, template, place, as_json=as_json)
    found = operations.find_own().outputs
    if file:
        values = {output.name: output.value for output in found}
        write(file, json.dumps(values, indent=2, sort_keys=True) + "\n")
    else:
        console.outputs(found)


@click.command()
@inspection_options
@click.option("--drift", "detects_drift", is_flag=True, help="Have CloudFormation detect drift.")
def status(
    *, environment: str, place: Place, template: Path, as_json: bool, detects_drift: bool
) -> None:
    """Show the state of an environment."""
    from iot_pipeline_cfn.deploy.inventory import drift, in_step, summary_of

    operations, console = open_named(environment, template, place, as_json=as_json)
    stack = operations.find_own()
    facts = summary_of(stack).as_data() | {
        "age": age(stack.created),
        "reason": stack.reason,
        "in step with the template": in_step(operations.connection, stack, load_template(template)),
    }
    if detects_drift:
        facts["drift"] = drift(operations, stack)
    console.facts(facts)


@click.command()
@inspection_options
@click.option("--follow", is_flag=True, help="Follow the operation to its end.")
@timeout_option
def events(
    *,
    environment: str,
    place: Place,
    template: Path,
    as_json: bool,
    follow: bool,
    timeout: float,
) -> None:
    """Show the events of the current operation, or of the last one."""
    from iot_pipeline_cfn.deploy import events
    from iot_pipeline_cfn.deploy.errors import DeploymentError
    from iot_pipeline_cfn.deploy.planning import exit_code_of, failure_mode

    patience = Patience(timeout=timeout)
    operations, console = open_named(environment, template, place, patience, as_json=as_json)
    stack = operations.find_own()
    client = operations.connection.cloudformation
    if not follow:
        for event in events.last_operation(client, stack.arn):
            console.event(event)
        return
    creates = stack.status in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}
    with operations.follower.limited():
        ended = events.follow(
            client,
            stack.arn,
            after=None,
            see=console.event,
            timeout=operations.follower.timeout,
            deletes_itself=creates and failure_mode(stack.parameters) == "DELETE",
        )
    gone = creates and ended == "DELETE_COMPLETE"
    if exit_code := ExitCode.ROLLED_BACK if gone else exit_code_of(ended):
        message = f"{operations.environment.suffix} has ended in {ended}"
        raise DeploymentError(message, exit_code)


@click.command(name="list")
@place_options
@json_option
def list_(*, place: Place, as_json: bool) -> None:
    """Show all environments of the Region."""
    from iot_pipeline_cfn.deploy.inventory import environments

    connection, console = open_connection(place, as_json=as_json)
    console.environments(list(environments(connection)))
