"""The commands destroy and cancel."""

from pathlib import Path

import click

from .opening import open_named
from .options import (
    Patience,
    Place,
    environment_argument,
    json_option,
    patience_options,
    place_options,
    role_option,
    template_option,
    yes_option,
)


@click.command()
@environment_argument
@click.option("--force", is_flag=True, help="Leave behind the resources that cannot be deleted.")
@yes_option
@role_option
@patience_options
@place_options
@template_option
@json_option
def destroy(
    *,
    environment: str,
    force: bool,
    yes: bool,
    role_arn: str | None,
    patience: Patience,
    place: Place,
    template: Path | None,
    as_json: bool,
) -> None:
    """Delete an environment, after its suffix was typed.

    A protected environment is refused; the message tells how to lift its protection.
    """
    from iot_pipeline_cfn.deploy import service_layer

    operations, console = open_named(
        environment, template, place, patience, role_arn, as_json=as_json
    )
    consent = service_layer.Consent(yes, console.interactive)
    result = service_layer.destroy(operations, consent, force=force)
    console.deleted(operations, result)


@click.command()
@environment_argument
@patience_options
@place_options
@template_option
@json_option
def cancel(
    *, environment: str, patience: Patience, place: Place, template: Path | None, as_json: bool
) -> None:
    """Cancel the update that is in progress."""
    from iot_pipeline_cfn.deploy.readiness import cancel_update

    operations, console = open_named(environment, template, place, patience, as_json=as_json)
    state = cancel_update(operations)
    console.state(operations.environment.suffix, state)
