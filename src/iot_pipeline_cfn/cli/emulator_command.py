"""The commands of the local AWS emulator."""

import click

from iot_pipeline_cfn.emulator import control

from .opening import open_connection
from .options import Place, region_option
from .printing import echo


@click.group()
def emulator() -> None:
    """The local AWS emulator; each checkout has its own."""


@emulator.command()
@region_option
def start(*, region: str | None) -> None:
    """Start the emulator, unless it is running."""
    connection, _ = open_connection(Place("local", region), as_json=False)
    echo(f"the emulator listens at {connection.endpoint_url}")


@emulator.command()
def stop() -> None:
    """Stop the emulator, which forgets all environments."""
    stopped = control.stop(control.DIRECTORY)
    echo("the emulator is stopped" if stopped else "the emulator is not running")


@emulator.command()
def status() -> None:
    """Show whether the emulator is running, and the resource types that it only records."""
    running = control.running(control.DIRECTORY)
    if running:
        since = f"since {running.started:%Y-%m-%d %H:%M:%S} UTC"
        echo(f"{running.endpoint_url}, process {running.process_id}, {since}")
    else:
        echo("the emulator is not running")
    for resource_type, reason in sorted(control.RECORDED.items()):
        echo(f"only recorded: {resource_type}, since {reason}")
