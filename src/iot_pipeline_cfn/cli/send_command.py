"""The command send."""

from pathlib import Path

import click

from .opening import open_named
from .options import Place, environment_argument, place_options, template_option
from .printing import echo


@click.command()
@environment_argument
@click.option("--device", default="iot-pipeline-send", show_default=True, help="Its device ID.")
@place_options
@template_option
def send(*, environment: str, device: str, place: Place, template: Path | None) -> None:
    """Send one reading to the API of an environment.

    It is sent with the API key, or signed, as the API demands.
    """
    from iot_pipeline_cfn.deploy.ingest import send_reading

    operations, console = open_named(environment, template, place, as_json=False)
    answer = send_reading(operations, operations.require_stack(), device)
    echo(f"HTTP {answer.status} {answer.body[:200]}".strip())
    if not answer.is_success:
        console.say("the API took the reading; the local AWS emulator runs no container for it")
