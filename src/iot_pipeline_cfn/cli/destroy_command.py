"""The commands destroy and cancel."""

from pathlib import Path

import click

from .opening import open_named
from .options import (
    Patience,
    Place,
    environment_argument,
    patience_options,
    place_options,
    template_option,
    yes_option,
)


@click.command()
@environment_argument
@click.option("--force", is_flag=True, help="Leave behind the resources that cannot be deleted.")
@yes_option
@patience_options
@place_options
@template_option
def destroy(
    *,
    environment: str,
    force: bool,
    yes: bool,
    patience: Patience,
    place: Place,
    template: Path | None,
) -> None:
    """Delete an environment, after its suffix was typed as a confirmation.

    A protected environment is refused; the message tells how to lift its protection.
    """
    from iot_pipeline_cfn.deploy import service_layer

    operations, console = open_named(environment, template, place, patience, as_json=False)
    consent = service_layer.Consent(yes, console.interactive)
    result = service_layer.destroy(operations, consent, force=force)
    suffix = operations.environment.suffix
    if result.plan.stack is None:
        console.say(f"there is no environment {suffix}: nothing to delete")
        return
    left = ", ".join(f"{each.logical_id} ({each.physical_id})" for each in result.left)
    console.say(f"{suffix} is deleted" + (f", but for {left}" if left else ""))


@click.command()
@environment_argument
@patience_options
@place_options
@template_option
def cancel(*, environment: str, patience: Patience, place: Place, template: Path) -> None:
    """Cancel the update that is in progress."""
    from iot_pipeline_cfn.deploy.following import cancel_update

    operations, console = open_named(environment, template, place, patience, as_json=False)
    console.say(f"{operations.environment.suffix} is in {cancel_update(operations)}")
