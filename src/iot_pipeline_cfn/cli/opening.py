"""Opening a connection, and an environment, from the options of a command."""

from pathlib import Path
from typing import TYPE_CHECKING

from iot_pipeline_cfn.template.parameters import (
    DEFAULT_TEMPLATE,
    ParameterFile,
    load,
    load_template,
    template_path,
)

from .console import Console
from .options import PARAMETERS, Patience, Place

if TYPE_CHECKING:
    from iot_pipeline_cfn.deploy.connection import Connection
    from iot_pipeline_cfn.deploy.environments import Environment
    from iot_pipeline_cfn.deploy.operations import Operations


def open_connection(place: Place, *, as_json: bool) -> "tuple[Connection, Console]":
    """Connect to AWS, or to the local AWS emulator, which is started where it does not run."""
    from iot_pipeline_cfn.deploy.connection import Target, connect, trace

    console = Console(as_json, verbose=place.verbose)
    connection = connect(Target(place.target), place.region, place.profile)
    if place.debug:
        trace(connection, console.say)
    return connection, console


def open_named(
    name: str,
    template: Path | None,
    place: Place,
    patience: Patience | None = None,
    role_arn: str | None = None,
    *,
    as_json: bool,
) -> "tuple[Operations, Console]":
    """Open the environment of a name, which the template's rule for suffixes must allow.

    Its parameter file, if it still exists, names the account and the Region.
    """
    from iot_pipeline_cfn.deploy.environments import environment_named, find_parameter_file

    environment = environment_named(
        name, load_template(template or template_path(DEFAULT_TEMPLATE))
    )
    path = find_parameter_file(environment, PARAMETERS)
    file = load(path) if path else None
    return open_environment(
        environment, place, patience or Patience(), file, role_arn, as_json=as_json
    )


def open_environment(
    environment: "Environment",
    place: Place,
    patience: Patience,
    file: ParameterFile | None,
    role_arn: str | None = None,
    *,
    as_json: bool,
) -> "tuple[Operations, Console]":
    """Open an environment for operations that are followed on the console."""
    from iot_pipeline_cfn.deploy.operations import Operations

    connection, console = open_connection(place, as_json=as_json)
    if environment.name != environment.suffix:
        console.say(f"{environment.name!r} is the environment {environment.suffix}")
    operations = Operations(
        environment,
        connection,
        console,
        timeout=patience.timeout,
        on_interrupt=patience.on_interrupt,
        wait=patience.wait,
        file=file,
        role_arn=role_arn or (file.role_arn if file else None),
    )
    return operations, console
