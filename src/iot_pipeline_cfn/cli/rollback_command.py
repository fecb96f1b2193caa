"""The command rollback."""

import click

from .deploy_command import in_ci, owner
from .opening import open_environment
from .options import (
    PARAMETERS,
    Patience,
    Place,
    environment_argument,
    json_option,
    patience_options,
    place_options,
    role_option,
    yes_option,
)


@click.command()
@environment_argument
@yes_option
@role_option
@patience_options
@place_options
@json_option
def rollback(
    *,
    environment: str,
    yes: bool,
    role_arn: str | None,
    patience: Patience,
    place: Place,
    as_json: bool,
) -> None:
    """Deploy the previous image, and change nothing else."""
    from dataclasses import replace

    from iot_pipeline_cfn.deploy import service_layer
    from iot_pipeline_cfn.deploy.previous_image import request_previous_image
    from iot_pipeline_cfn.deploy.request import load_request

    requested, request = load_request(environment, None, PARAMETERS)
    operations, console = open_environment(
        requested, place, patience, request.file, role_arn, as_json=as_json
    )
    request = request_previous_image(operations, replace(request, owner=owner()))
    consent = service_layer.Consent(yes, console.interactive, in_ci())
    result = service_layer.deploy(operations, request, consent)
    console.deployed(operations, result)
